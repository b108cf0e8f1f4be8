"""The list of commands, and the page of all their options."""

import re
import subprocess
import sys
import time

import pytest

from fer2013_tf import __main__ as command_list
from tests import REPOSITORY
from tests.test_imports import COMMANDS
from tools import commands_page

# Options that mean something else in a command than in the others, and why.
EXCEPTIONS = {
    ("train", "--run"): "names the run that is trained; elsewhere a run whose weights are used",
    ("contact_sheet", "--out"): "one figure; elsewhere a folder of several files",
}


ROWS = commands_page.rows()


def first_words(meaning):
    return re.split(r"[;:,(]", meaning)[0].strip().lower()


def by_option():
    """{option: rows} of the options that several commands have."""
    options = [row.option for row in ROWS if row.option.startswith("-")]
    return {o: [row for row in ROWS if row.option == o] for o in options if options.count(o) > 1}


def test_page_is_the_committed_one():
    """python -m tools.commands_page rewrites it."""
    assert commands_page.PAGE.read_text(encoding="utf-8") == commands_page.page()


@pytest.mark.parametrize("option", by_option())
def test_rows_of_one_option_mean_the_same_in_all_commands(option):
    rows = by_option()[option]
    same = [row for row in rows if (row.command, option) not in EXCEPTIONS]
    meanings = {(row.value, first_words(row.meaning)) for row in same}
    assert len(meanings) == 1, meanings
    different = [row for row in rows if row not in same]
    assert not meanings & {(row.value, first_words(row.meaning)) for row in different}


def test_rows_all_have_a_meaning():
    assert not [row for row in ROWS if not row.meaning]


def test_commands_are_all_there_with_a_verb_each():
    commands = command_list.commands()
    assert sorted(commands) == sorted(COMMANDS)
    assert list(commands)[: len(command_list.ORDER)] == list(command_list.ORDER)
    for name, purpose in commands.items():
        module = (REPOSITORY / "fer2013_tf" / f"{name}.py").read_text(encoding="utf-8")
        assert module.startswith(f'"""{purpose}: `python -m fer2013_tf.{name}`.')
        assert re.match(r"[A-Z][a-z]+ ", purpose) and not purpose.startswith("The ")


def test_main_lists_the_commands_at_once():
    """0.1 s on the machine that this was written on; whatever imports TensorFlow takes seconds."""
    begin = time.monotonic()
    code = "import sys; from fer2013_tf import __main__; __main__.main(); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True)
    assert time.monotonic() - begin < 1.0
    *listed, modules = ran.stdout.decode().splitlines()
    assert not {"tensorflow", "numpy"} & set(modules.split())
    for name, purpose in command_list.commands().items():
        assert [line for line in listed if line.split() == [name, *purpose.split()]]
