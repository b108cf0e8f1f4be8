"""Which folders of a tree are which split."""

import itertools

import pytest

from fer2013_tf import make_records
from fer2013_tf.data import readers, records
from fer2013_tf.data.readers import split_names
from fer2013_tf.utils.errors import UserError
from tests.data.test_readers import written_images

TRAINING, PUBLIC, PRIVATE = "Training", "PublicTest", "PrivateTest"


@pytest.mark.parametrize(
    "split, names",
    [
        (
            TRAINING,
            "Training train_set train_data 1_train FER2013Train images_train trainset TRAIN",
        ),
        (TRAINING, "Train-(1) train2017 seg_train raf.train trainval trainA"),
        (
            PUBLIC,
            "valid val validate validation Dev FER2013Valid valSet PublicTest public public_test",
        ),
        (PRIVATE, "Testing test_set test_data 2_test FER2013Test test-images TestSet PrivateTest"),
        (PRIVATE, "private Private_Test eval holdout held-out seg_test"),
        (None, "other happy retrain contest train_test private_car public_transport validity S005"),
    ],
)
def test_split_of_reads_the_words_of_a_name(split, names):
    assert {name: split_names.split_of(name) for name in names.split()} == dict.fromkeys(
        names.split(), split
    )


@pytest.mark.parametrize(
    "folders, splits",
    [
        ("Training Testing", (TRAINING, PRIVATE)),
        ("train_set test_set", (TRAINING, PRIVATE)),
        ("1_train 2_test", (TRAINING, PRIVATE)),
        ("train eval", (TRAINING, PRIVATE)),
        ("train eval test", (TRAINING, PUBLIC, PRIVATE)),
        ("train eval valid", (TRAINING, PRIVATE, PUBLIC)),
        ("train validate", (TRAINING, PUBLIC)),
        ("train test dev", (TRAINING, PRIVATE, PUBLIC)),
        ("FER2013Train FER2013Valid FER2013Test", (TRAINING, PUBLIC, PRIVATE)),
        ("data/Train (1) data/Test (1)", (TRAINING, PRIVATE)),
        ("test/public test/private train", (PUBLIC, PRIVATE, TRAINING)),
        ("train_1 train_2 test", (TRAINING, TRAINING, PRIVATE)),
        ("train_test_split/train train_test_split/test", (TRAINING, PRIVATE)),
    ],
)
def test_open_takes_no_image_of_a_test_folder_for_training(folders, splits, tmp_path):
    folders = folders.replace(" (", "_(").split()
    names = [
        f"{folder}/{name}/{n}.png" for folder in folders for name in ("sad", "joy") for n in "12"
    ]
    source = readers.open_source(written_images(tmp_path, dict(zip(names, itertools.count()))))
    found = {image.where.rsplit("/", 2)[0]: image.split for image in source.examples()}
    assert found == dict(zip(folders, splits))
    for folder, split in zip(folders, splits):
        assert f"{folder.split('/')[-1]} -> {split}" in source.notes[0]


def test_open_with_train_and_test_only_holds_out_of_training(tmp_path):
    names = {f"{split}/sad/{n}.png": n for split in ("Training", "Testing") for n in range(20)}
    source = readers.open_source(written_images(tmp_path, names))
    found = [(image.where.split("/")[0], image.split) for image in source.examples()]
    assert {split: found.count(split) for split in set(found)} == {
        ("Training", TRAINING): 18,
        ("Training", PUBLIC): 2,
        ("Testing", PRIVATE): 20,
    }
    assert source.notes[0].endswith("PublicTest: one in ten of each class of Training")


@pytest.mark.parametrize(
    "names, said",
    [
        ("train/sad test/sad extra/sad", "extra names no split, and there are test, train"),
        ("train/sad sad", "sad names no split, and there are train"),
        ("d/train/sad d/test/sad d/more/sad", "d/more names no split"),
        ("test/sad seg_pred/sad", "seg_pred names no split"),
        ("test/train/sad other/sad", "is in 'train' and in 'test'"),
    ],
)
def test_open_refuses_a_folder_that_names_no_split(names, said, tmp_path):
    written_images(tmp_path, {f"{name}/1.png": 1 for name in names.split()})
    with pytest.raises(UserError) as caught:
        readers.open_source(tmp_path)
    assert said in str(caught.value) and "--split-names NAME=train" in str(caught.value)


def test_make_records_with_split_names(tmp_path, capsys):
    folders = ("good", "held back", "junk", "train")
    names = {f"{name}/sad/{n}.png": len(name) * n for name in folders for n in range(1, 11)}
    written_images(tmp_path / "tree", names)
    words = [str(tmp_path / "tree"), "--out", str(tmp_path / "out"), "--split-names"]
    assert make_records.main([*words, "GOOD=train,held back=test,junk=none"]) == 0
    said = "splits: good -> Training, train -> Training, held back -> PrivateTest, junk -> left out"
    assert capsys.readouterr().out.startswith(said)
    manifest = records.load_manifest(tmp_path / "out")
    assert [records.split_size(manifest, split) for split in (TRAINING, PRIVATE)] == [18, 10]
    assert make_records.main([*words, "good=train,held back=test,junk=valid"]) == 0
    assert records.split_size(records.load_manifest(tmp_path / "out"), PUBLIC) == 10
    assert make_records.main([*words, "godo=train"]) == 2
    assert "--split-names godo: no folder of this name; e.g. good" in capsys.readouterr().err
    for wrong in ("good", "good=training set", "=train"):
        with pytest.raises(SystemExit):
            make_records.main([*words, wrong])


def test_open_takes_splits_from_prefixes_of_files(tmp_path):
    names = ["1/train_00001_aligned.png", "2/train_2.png", "1/test_0001.png", "2/valid3.png"]
    written_images(tmp_path, dict(zip(names, range(4))))
    found = {image.where: image.split for image in readers.open_source(tmp_path).examples()}
    assert list(found.values()) == [PRIVATE, TRAINING, TRAINING, PUBLIC]
    written_images(tmp_path, {"2/img_7.png": 5})
    with pytest.raises(UserError, match="2/img_7.png names no split.*begin with 'img' are"):
        readers.open_source(tmp_path)
    source = readers.open_source(tmp_path, split_names={"img": split_names.LEFT_OUT})
    assert len(list(source.examples())) == 4


@pytest.mark.parametrize(
    "names, classes",
    [
        ([str(n) for n in range(11)], [str(n) for n in range(11)]),
        (["pen", "test_tube"], ["pen", "test_tube"]),
        (["private_car", "public_transport"], ["private_car", "public_transport"]),
    ],
)
def test_open_takes_class_folders_for_classes(names, classes, tmp_path):
    written_images(tmp_path, {f"{name}/x.png": n for n, name in enumerate(names)})
    source = readers.open_source(tmp_path)
    assert list(source.classes) == classes
    assert {image.where.split("/")[0]: image.label for image in source.examples()} == {
        name: label for label, name in enumerate(classes)
    }


def test_open_of_folders_1_to_7_with_seven_classes(tmp_path):
    written_images(tmp_path, {f"train/{n}/x.png": n for n in range(1, 8)})
    seven = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
    source = readers.open_source(tmp_path, classes=seven)
    assert source.classes == seven
    assert [image.label for image in source.examples()] == list(range(7))


def test_open_of_an_image_beside_class_folders(tmp_path):
    written_images(tmp_path, {"cat/1.png": 1, "dog/1.png": 2, "stray.png": 3})
    with pytest.raises(UserError, match="stray.png is an image beside the class folder cat"):
        readers.open_source(tmp_path)
