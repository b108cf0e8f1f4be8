"""Names that become parts of paths: inside, encodable, short enough, told apart."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_tf.utils import names
from tests.csv_files import MANY


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("happy", "happy"),
        ("2024-01-01T12:30:00", "2024-01-01T12:30:00"),
        ("表情", "表情"),
        ("../../../escaped", "_.._.._escaped"),
        ("..", "_"),
        (".hidden", "_hidden"),
        ("/etc/passwd", "_etc_passwd"),
        ("a\0b", "a_b"),
        ("", "_"),
        ("  ", "_"),
        ("end.", "end_"),
        ("nul", "_nul"),
        ("COM1.png", "_COM1.png"),
        ("\ud800", "?"),
    ],
)
def test_plain(text, name):
    assert names.plain(text) == name


@MANY
@given(st.text(), st.integers(0, 30))
def test_plain_stays_in_its_folder(tmp_path_factory, text, room):
    name = names.plain(text, room=room)
    assert 0 < len(os.fsencode(name)) <= names.LONGEST - room
    assert os.path.basename(os.path.normpath(f"folder/{name}")) == name
    assert not name.startswith((".", "//")) and names.plain(name, room=room) == name


def test_plain_on_windows(monkeypatch):
    monkeypatch.setattr(names, "_NOT_IN_NAMES", r'[\x00-\x1f<>:"/\\|?*]')
    assert names.plain("C:\\other\\x") == "C__other_x"
    assert names.plain("..\\x") == "_x" or not names.plain("..\\x").startswith(".")


def test_plain_of_long_names_is_cut_between_characters_and_stays_different():
    long = [("情" * 200) + end for end in ("a", "b")]
    cut = [names.plain(text, room=4) for text in long]
    assert cut[0] != cut[1] and all(len(os.fsencode(name)) <= 251 for name in cut)
    assert all(name.startswith("情" * 70) for name in cut)
    odd = os.fsdecode(b"\xff" * 400)
    assert os.fsencode(names.plain(odd)).startswith(b"\xff" * 200)


def test_unique_gives_each_its_own_name():
    assert names.unique(["x", "x", "x-2"]) == ["x", "x-3", "x-2"]
    assert names.unique(["a", "A", "a"]) == ["a", "A-2", "a-3"]
    assert names.unique(["é", "e\N{COMBINING ACUTE ACCENT}"])[1].endswith("-2")
    assert names.unique(["..", ".", "_"]) == ["_", "_-2", "_-3"]
    assert names.unique(["p-1", "p", "p-1", "p"]) == ["p-1", "p", "p-1-2", "p-2"]


@MANY
@given(st.lists(st.sampled_from(["x", "X", "x-2", "x-2-2", "x-3", "y", "", ".", "q" * 300])))
def test_unique_never_gives_a_name_twice(texts):
    given_names = names.unique(texts, room=4)
    assert len(set(map(names.fold, given_names))) == len(texts)
    for text in set(texts):
        if names.plain(text, room=4) == text:
            # The first of a name has it, unless one of other case came before.
            first = next(n for n, t in enumerate(texts) if t.casefold() == text.casefold())
            assert given_names[first] == texts[first]
