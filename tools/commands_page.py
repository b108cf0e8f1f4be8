"""Write docs/commands.md, all options of all commands, from their parsers.

python -m tools.commands_page        rewrites the page
"""

import argparse
import importlib
import re
from pathlib import Path
from typing import NamedTuple

from fer2013_tf import __main__ as command_list
from fer2013_tf.utils import cli

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
HEAD = """\
# Commands

`python -m fer2013_tf` lists the commands; `python -m fer2013_tf.NAME --help` explains one, with
examples. This page is made from their parsers by `python -m tools.commands_page`; a test holds the
two together.
"""
DEFAULT = re.compile(r"\s*\(?default: (.*?)\)?$", re.DOTALL)


class Row(NamedTuple):
    """One option or argument of one command."""

    command: str
    option: str
    value: str  # metavar or choices; "" for a switch
    default: str
    meaning: str


def rows():
    """Return a `Row` per option and argument that --help shows, in the order of the commands."""
    return [
        _row(command, action)
        for command in command_list.commands()
        for action in _parser(command)._actions
        if action.help != argparse.SUPPRESS and "--help" not in action.option_strings
    ]


def _parser(command):
    return cli.completed(importlib.import_module(f"fer2013_tf.{command}").parser())


def _row(command, action):
    option = ", ".join(action.option_strings)
    text = (action.help or "") % {**vars(action), "prog": command}
    default = DEFAULT.search(text)
    return Row(
        command,
        option or action.metavar or action.dest,
        _value(action) if option or action.choices else "",
        default[1] if default else "",
        DEFAULT.sub("", text).strip(),
    )


def _value(action):
    if action.nargs == 0:
        return ""
    if action.choices:
        return ", ".join(map(str, action.choices))
    return action.metavar or action.dest.upper()


def page():
    """Return the whole text of the page."""
    found = rows()
    sections = [_section(name, purpose, found) for name, purpose in command_list.commands().items()]
    return "\n\n".join([HEAD.rstrip(), _overview(found), *sections, _renamed()]) + "\n"


def _overview(found):
    """Return the table of all options; rows that differ in the command alone are one row."""
    merged = {}
    for row in sorted((row for row in found if row.option.startswith("-")), key=_by_option):
        merged.setdefault(row[1:], []).append(row.command)
    lines = ["| option | commands | value | default | meaning |", "|---|---|---|---|---|"]
    everywhere = len(command_list.commands())
    for (option, value, default, meaning), commands in merged.items():
        where = "all" if len(commands) == everywhere else ", ".join(commands)
        lines.append(_line(_code(option), where, _code(value), _default(default), meaning))
    return "## All options\n\n" + "\n".join(lines)


def _by_option(row):
    return row.option.lstrip("-")


def _section(command, purpose, found):
    lines = ["| argument | value | default | meaning |", "|---|---|---|---|"]
    for row in found:
        if row.command == command:
            cells = _code(row.option), _code(row.value), _default(row.default), row.meaning
            lines.append(_line(*cells))
    return f"## {command}\n\n{purpose}: `python -m fer2013_tf.{command}`.\n\n" + "\n".join(lines)


def _renamed():
    """Return the table of options of earlier versions, each of which is an error now."""
    lines = ["| command | was | is now |", "|---|---|---|"]
    lines += [
        _line(command, _code(action.option_strings[0]), _code(action.new))
        for command in command_list.commands()
        for action in _parser(command)._actions
        if isinstance(action, cli.Renamed)
    ]
    text = "## Renamed options\n\nThe old names end in an error that names the new ones.\n\n"
    return text + "\n".join(lines)


def _code(text):
    return f"`{text}`" if text else ""


def _default(text):
    """Return a default as code where it is a value; some are sentences."""
    return text if " " in text else _code(text)


def _line(*cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
