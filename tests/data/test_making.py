"""Records made by earlier versions are known as made; digests of sources stay what they were."""

import json

import numpy as np
import pytest

from fer2013_tf import make_records
from fer2013_tf.data import making, readers, records
from fer2013_tf.data.readers import synthetic
from fer2013_tf.utils import files
from tests.before import made_up
from tests.data.test_readers import written_images

# Computed by commit b4955ce.
DIGESTS = {
    "folder": "5f5ec348e1a09954cc1d6bd7e6568bb45f337dc2c16458eb7d20b8b6baf2d563",
    "list_file": "8f86580bfe6c37af5ada9c91809e0d1b7c4c09618ad1274d7e97a921fd1abebf",
    "arrays": "45f82cf7573e99c775dcb5306ca3e04780973a4827845f91eb7398cbe87b6f7b",
    "synthetic": "811a8d3ac4c78889c3d05c58582123c68953a3003c03ababb5320f221e9b691e",
}


@pytest.mark.parametrize("format", DIGESTS)
def test_open_source_has_the_digest_of_before(format, tmp_path):
    for name, data in {"sad/1.png": b"one", "happy/2.jpg": b"two"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    (tmp_path / "list.csv").write_bytes(b"sad/1.png,sad\nhappy/2.jpg,happy\ngone.png,sad\n")
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays/x_train.npy", np.zeros((2, 4, 4), np.uint8))
    np.save(tmp_path / "arrays/y_train.npy", np.array([0, 1], np.int64))
    paths = {"folder": tmp_path, "list_file": tmp_path / "list.csv", "arrays": tmp_path / "arrays"}
    assert making.open_source(paths.get(format), format).sha256 == DIGESTS[format]


def change_manifest(out, **changes):
    """Write `changes` into a manifest, in the words of before."""
    manifest = json.loads((out / records.MANIFEST).read_text())
    del manifest[files.CHECKSUM]
    for key, values in changes.items():
        manifest[key] = {**manifest[key], **values}
    files.write_json(out / records.MANIFEST, manifest)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({}, []),
        ({"made_with": {"split": "merged"}}, ["--resplit", "train_val"]),
        ({"made_with": {"split": "first(30)"}}, ["--resplit", "first_rows(30)"]),
    ],
)
def test_is_made_on_records_of_before(changes, words, tmp_path, capsys):
    made_up.write_csv(tmp_path / "made_up.csv")
    out = tmp_path / "out"
    made_up.unpack(tmp_path)
    (tmp_path / "records").rename(out)
    (out / making.CHART).touch()
    change_manifest(out, **changes)
    words = [str(tmp_path / "made_up.csv"), "--out", str(out), *words]
    assert make_records.main(words) == 0
    assert "made from this source already" in capsys.readouterr().out
    assert make_records.main([*words, "--shards", "2"]) == 0
    assert "made from this source already" not in capsys.readouterr().out


def test_is_made_on_a_synthetic_sample_of_before(tmp_path):
    source = synthetic.open(counts={"Training": 7})
    made_with = {"shards": 1, "skip_bad": False}
    making.make(source, tmp_path, made_with=made_with)
    (tmp_path / making.CHART).touch()
    change_manifest(tmp_path, source={"format": "drawn"})
    assert making.is_made(source, tmp_path, made_with=made_with)
    assert not making.is_made(source, tmp_path, made_with={**made_with, "seed": 1})


@pytest.mark.parametrize("old, new", [("--split", "--resplit"), ("--colour", "--color")])
def test_parser_names_the_new_option(old, new, capsys):
    with pytest.raises(SystemExit) as left:
        make_records.main([old])
    assert left.value.code == 2
    assert f"{old} is now {new}" in capsys.readouterr().err


def test_open_source_takes_every_image_suffix(tmp_path):
    written_images(tmp_path, {"sad/1.ppm": 1, "sad/2.PGM": 2, "sad/3.webp": 3})
    (tmp_path / "list.csv").write_text("sad/1.ppm,sad\n")
    assert [image.row for image in readers.open_source(tmp_path).examples()] == [1, 2, 3]
    listed = readers.open_source(tmp_path / "list.csv")
    assert listed.description["format"] == "list_file"
