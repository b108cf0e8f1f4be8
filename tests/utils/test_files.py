"""Atomic file writes, JSON with a checksum, locks."""

import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_tf.utils import files
from fer2013_tf.utils.errors import UserError
from tests.csv_files import MANY

CONTENT = {"name": "é", "numbers": [1, 2.5, 1e-300], "nested": {"b": None, "a": True}}


def test_read_json_returns_what_was_written(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, CONTENT)
    assert files.read_json(path, "restore it") == CONTENT
    assert files.CHECKSUM in json.loads(path.read_text())


@MANY
@given(st.data())
def test_read_json_finds_flipped_bits(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("flip") / "a.json"
    files.write_json(path, CONTENT)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(content))
    try:
        assert files.read_json(path, "restore it") == CONTENT
    except UserError as error:
        assert str(error).startswith(f"{path}: damaged") and str(error).endswith("restore it")


@pytest.mark.parametrize("text", ["", "[]", "3", '{"a": 1}', "[" * 100_000, "\0"])
def test_read_json_refuses_other_files(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match="damaged"):
        files.read_json(path, "restore it")


def test_read_json_without_checksum_by_version(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"version": 1, "a": 2}')
    assert files.read_json(path, "x", unsigned=1) == {"version": 1, "a": 2}
    for unsigned in (None, 2):
        with pytest.raises(UserError):
            files.read_json(path, "x", unsigned=unsigned)


def test_write_atomically_failing_leaves_the_old_file_and_names_it(tmp_path, monkeypatch):
    path = tmp_path / "a"
    files.write_atomically(path, "old")

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as caught:
        files.write_atomically(path, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_remove_partials_keeps_files_being_written(tmp_path):
    for name in (".a.json.12.partial", ".b.json.13.partial", "c.partial", ".d"):
        (tmp_path / name).touch()
    (tmp_path / ".partial").mkdir()
    os.utime(tmp_path / ".a.json.12.partial", (0, 0))
    files.remove_partials(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".b.json.13.partial", ".d", ".partial", "c.partial"]


def test_lock_is_held_once(tmp_path):
    with (
        files.lock(tmp_path / ".lock", "program", "wait"),
        pytest.raises(UserError, match=f"another program .process {os.getpid()}. .*; wait"),
        files.lock(tmp_path / ".lock", "program", "wait"),
    ):
        pass
    with files.lock(tmp_path / ".lock", "program", "wait"):
        pass


def test_write_atomically_takes_the_longest_names(tmp_path):
    for name in ("情" * 84 + "abc", "x" * 255, os.fsdecode(b"\xff" * 255)):
        files.write_atomically(tmp_path / name, "whole")
        assert (tmp_path / name).read_text() == "whole"
    assert len(list(tmp_path.iterdir())) == 3


def test_write_atomically_writes_to_what_a_link_leads_to(tmp_path):
    (tmp_path / "link").symlink_to("file")
    files.write_atomically(tmp_path / "link", "through")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "through"


def test_write_atomically_writes_to_a_pipe_and_leaves_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.write_atomically(tmp_path / "pipe", "told")
    assert os.read(reading, 9) == b"told" and (tmp_path / "pipe").is_fifo()
    os.close(reading)
