"""The contact sheet of augmentations."""

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import contact_sheet
from fer2013_tf.data import records
from tests import toy


def test_main_draws_one_row_per_class(records_dir, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    words = ["--records", str(records_dir), "--out", str(out), "--columns", "3"]
    assert contact_sheet.main([*words, "--set", "augment=rotate(0.3) | noise(30.0)"]) == 0
    assert "7 images, 3 versions of each" in capsys.readouterr().out
    image = np.asarray(Image.open(out).convert("L"))
    assert image.shape[0] > image.shape[1] and image.std() > 20


def test_augmented_versions_differ_without_augmentation_they_are_equal(records_dir):
    images, _ = records.RecordSet(records_dir).split("Training").read(np.array([0, 1]))
    made = contact_sheet._augmented(images, toy.recipe("augment=translate(0.2)"), 4, 0)
    assert made.shape == (2, 4, 48, 48) and len({m.tobytes() for m in made[0]}) == 4
    same = contact_sheet._augmented(images, toy.recipe("augment=none"), 2, 0)
    np.testing.assert_array_equal(same, np.stack([images, images], axis=1))


def test_rows_are_drawn_as_asked_for(records_dir, tmp_path, monkeypatch, capsys):
    from fer2013_tf.visualization import comparison

    drawn = []
    monkeypatch.setattr(comparison, "contact_sheet", lambda *args: drawn.append(args))
    words = ["--records", str(records_dir), "--out", str(tmp_path / "x.png"), "--columns", "2"]
    assert contact_sheet.main([*words, "--rows", "35,2,31", "--set", "blur=1.0"]) == 0
    ((images, versions, titles, _, heading),) = drawn
    assert heading.startswith("blur of 1 pixels | flip")
    record_set = records.RecordSet(records_dir)
    training, _ = record_set.split("Training").read([1])
    np.testing.assert_array_equal(images[1], training[0])
    assert len(images) == 3 and versions.shape[:2] == (3, 2)
    held_out = record_set.read("PublicTest")
    np.testing.assert_array_equal(images[0], held_out.images[held_out.rows == 35][0])
    classes = record_set.manifest["classes"]
    assert titles[0] == classes[held_out.labels[held_out.rows == 35][0]] + "\nrow 35"
    assert versions.std() < images.std()  # blurred


@pytest.mark.parametrize(
    "words, said",
    [
        (["--columns", "0"], "give 1 to 32"),
        (["--rows", "2,99"], "no image of row 99; rows are from 1 to 52"),
        (["--rows", ",".join(["1"] * 33)], "33 images; give up to 32"),
        (["--out", "gone/x.png"], "the folder is not there"),
        (["--set", "augment=spin"], "unknown augmentation 'spin'"),
    ],
)
def test_refusals(records_dir, tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    assert contact_sheet.main(["--records", str(records_dir), *words]) == 2
    assert said in capsys.readouterr().err
