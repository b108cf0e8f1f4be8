"""FER+'s own folders: FER2013Train/label.csv with names, boxes and votes."""

import numpy as np
import pytest

from fer2013_tf import make_records
from fer2013_tf.data import readers, records
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests.data.test_readers import written_images

BOX = '"(0, 0, 48, 48)"'
#         neutral happy surprise sad anger disgust fear contempt unknown NF
VOTES = {
    "sure": (0, 9, 0, 1, 0, 0, 0, 0, 0, 0),
    "tie": (5, 5, 0, 0, 0, 0, 0, 0, 0, 0),
    "no face": (0, 0, 0, 0, 0, 0, 0, 0, 0, 10),
    "contempt": (0, 0, 0, 0, 1, 0, 0, 9, 0, 0),
    "plurality": (4, 3, 3, 0, 0, 0, 0, 0, 0, 0),
}


@pytest.fixture
def root(tmp_path):
    for folder in ("FER2013Train", "FER2013Valid", "FER2013Test"):
        written_images(tmp_path / "data" / folder, {f"fer{n:07}.png": n for n in range(len(VOTES))})
        lines = (
            f"fer{n:07}.png,{BOX},{','.join(map(str, votes))}\n"
            for n, votes in enumerate(VOTES.values())
        )
        (tmp_path / "data" / folder / "label.csv").write_text("".join(lines))
    return tmp_path / "data"


@pytest.mark.parametrize("classes, labels", [(8, [1, 7, 0]), (7, [3, 6]), (10, [1, 9, 7, 0])])
def test_open_takes_the_votes(root, classes, labels):
    source = readers.open_source(root.parent, ferplus_classes=classes)
    images = list(source.examples())
    for split in constants.SPLITS:
        # On held-out splits only a majority counts.
        wanted = labels if split == "Training" else labels[:-1]
        assert [image.label for image in images if image.split == split] == wanted
    assert images[0].votes.sum() == 10 and images[0].pixels.shape == (48, 48)
    assert source.notes[0] == (
        "splits: FER2013Train -> Training, FER2013Valid -> PublicTest, FER2013Test -> PrivateTest"
    )
    assert source.description["ferplus"]["left_out"] == 15 - len(images)


def test_make_records_keeps_the_votes(root, tmp_path):
    words = [str(root), "--out", str(tmp_path / "out"), "--ferplus-classes", "8"]
    assert make_records.main(words) == 0
    training = records.RecordSet(tmp_path / "out").split("Training")
    np.testing.assert_array_equal(
        training.votes, [VOTES[k] for k in ("sure", "contempt", "plurality")]
    )


def test_open_of_one_of_the_folders(root):
    images = list(readers.open_source(root / "FER2013Test").examples())
    assert {image.split for image in images} == {"PrivateTest"}


@pytest.mark.parametrize(
    "line, said",
    [
        (f"fer0000009.png,{BOX},1,2\n", "line 6: not a line of FER+"),
        (f"fer0000009.png,{BOX},99,0,0,0,0,0,0,0,0,0\n", "line 6: not a line of FER+"),
    ],
)
def test_open_refuses_lines(root, line, said):
    with (root / "FER2013Test/label.csv").open("a") as file:
        file.write(line)
    with pytest.raises(UserError) as caught:
        readers.open_source(root)
    assert f"FER2013Test/label.csv, {said}" in str(caught.value)


def test_read_names_an_image_that_is_gone(root):
    (root / "FER2013Test/fer0000000.png").unlink()
    (bad,) = [row for row in readers.open_source(root).examples() if hasattr(row, "reason")]
    assert bad.where == "FER2013Test/fer0000000.png"
