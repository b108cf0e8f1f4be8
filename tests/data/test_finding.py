"""Folders and archives that hold one data set of another format, or several."""

import io
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fer2013_tf import make_records
from fer2013_tf.data import readers
from fer2013_tf.utils.errors import UserError
from tests import csv_files
from tests.csv_files import written
from tests.data.test_readers import written_images

TREE = {"train/sad/1.png": 1, "train/happy/2.png": 2, "test/sad/3.png": 3}
PACKERS = {
    "a.zip": csv_files.zip_of,
    "a.tar": lambda members: csv_files.tar_of(members, "w"),
    "a.tar.gz": lambda members: csv_files.tar_of(members, "w:gz"),
    "a.tgz": lambda members: csv_files.tar_of(members, "w:gz"),
    "a.tar.bz2": lambda members: csv_files.tar_of(members, "w:bz2"),
    "a.tar.xz": lambda members: csv_files.tar_of(members, "w:xz"),
}


@pytest.fixture(autouse=True)
def no_folder_stays(tmp_path_factory, monkeypatch):
    """Nothing that was unpacked is left."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert not list(folder.iterdir())


def members_of(folder):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def found(path, **options):
    """Return ([(split, label)], notes) of what `path` holds, and forget the source."""
    source = readers.open_source(path, **options)
    return [(image.split, image.label) for image in source.examples()], source.notes


@pytest.mark.parametrize("name", PACKERS)
def test_open_source_of_an_archive_of_a_tree(name, tmp_path):
    written_images(tmp_path / "tree", TREE)
    members = {f"fer/{key}": data for key, data in members_of(tmp_path / "tree").items()}
    members |= {"__MACOSX/fer/train/sad/._1.png": b"x", "fer/README.md": b"about"}
    path = written(tmp_path, name, PACKERS[name](members))
    assert found(path) == found(tmp_path / "tree")
    assert found(path, format="folder") == found(path)


def test_open_source_of_archives_of_other_formats(tmp_path):
    written_images(tmp_path / "list", {"images/0.png": 1, "images/1.png": 2})
    (tmp_path / "list/image_emotion.csv").write_text("images/0.png,3\nimages/1.png,4\n")
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays/x_train.npy", np.zeros((2, 48, 48), np.uint8))
    np.save(tmp_path / "arrays/y_train.npy", [3, 4])
    for name in ("list", "arrays"):
        members = {f"{name}/{key}": data for key, data in members_of(tmp_path / name).items()}
        path = written(tmp_path, f"{name}.zip", csv_files.zip_of(members))
        source = readers.open_source(path)
        assert source.description["name"] == f"{name}.zip"
        assert [image.label for image in source.examples()] == [3, 4]
        assert [label for _, label in found(tmp_path / name)[0]] == [3, 4]
        del source
    # A CSV of pixels in an archive that `archives` does not stream.
    packed = csv_files.tar_of({"fer2013/fer2013.csv": csv_files.csv_of(3)}, "w:bz2")
    assert len(found(written(tmp_path, "fer2013.tar.bz2", packed))[0]) == 3


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013.tar.gz", "deep/er/icml_face_data.csv"])
def test_open_source_of_a_folder_that_holds_a_table(name, tmp_path):
    data = csv_files.csv_of(3)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    written(tmp_path, name, csv_files.tar_of({"f.csv": data}, "w:gz") if "tar" in name else data)
    (tmp_path / "README.txt").write_text("about\nit\n")
    images, notes = found(tmp_path)
    assert len(images) == 3 and notes == (f"{tmp_path}: {name} is read",)


def test_open_source_of_several_data_sets_names_them(tmp_path):
    written(tmp_path, "fer2013.csv", csv_files.csv_of(3))
    written(tmp_path, "fer2013.zip", csv_files.zip_of({"fer2013.csv": csv_files.csv_of(3)}))
    with pytest.raises(UserError, match=r"holds several data sets: fer2013.csv .*fer2013.zip"):
        readers.open_source(tmp_path)
    (tmp_path / "fer2013.zip").unlink()
    written_images(tmp_path, TREE)
    with pytest.raises(UserError, match=r"fer2013.csv .*, folders of images \(test/sad, ...\)"):
        readers.open_source(tmp_path)
    assert len(found(tmp_path, format="folder")[0]) == 3


def test_open_source_of_images_and_two_lists(tmp_path):
    written_images(tmp_path, {"subject 1/0.png": 1, "subject 2/1.png": 2})
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("subject 1/0.png,sad\nsubject 2/1.png,happy\n")
    with pytest.raises(UserError, match="several data sets: test.csv .list_file., train.csv"):
        readers.open_source(tmp_path)
    # The folders would be classes: which is meant cannot be known.
    (tmp_path / "test.csv").unlink()
    with pytest.raises(UserError, match=r"train.csv .list_file., folders of images \(subject 1"):
        readers.open_source(tmp_path)


def test_open_source_of_the_images_that_make_records_wrote(tmp_path, small_csv):
    words = [str(small_csv), "--out", str(tmp_path / "out"), "--images", str(tmp_path / "png")]
    assert make_records.main(words) == 0
    images, notes = found(tmp_path / "png")
    assert sorted(images) == sorted(found(small_csv)[0])
    assert any("labels.csv is not read" in note for note in notes)


@pytest.mark.parametrize("name", ["../up.png", "/etc/up.png", "sad/../../up.png", "C:/up.png"])
@pytest.mark.parametrize("packed", ["a.zip", "a.tar.gz"])
def test_unpack_refuses_members_that_climb_out(name, packed, tmp_path):
    path = written(tmp_path, packed, PACKERS[packed]({"sad/1.png": b"x", name: b"x"}))
    with pytest.raises(UserError, match="leads outside of the archive"):
        readers.open_source(path)
    assert not (tmp_path / "up.png").exists() and not Path("/etc/up.png").exists()


def linked(path, links, members):
    """Write a tar of members and links, {name: (type, target)}."""
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, (kind, target) in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return path


def test_unpack_follows_links_inside_of_an_archive(tmp_path):
    members = members_of(written_images(tmp_path / "tree", {"train/sad/1.png": 1}))
    links = {
        "train/sad/hard.png": (tarfile.LNKTYPE, "train/sad/1.png"),
        "train/sad/soft.png": (tarfile.SYMTYPE, "1.png"),
        "train/again": (tarfile.SYMTYPE, "sad"),
    }
    source = readers.open_source(linked(tmp_path / "a.tar", links, members))
    images = [image.where for image in source.examples()]
    assert images == [f"train/sad/{name}.png" for name in ("1", "hard", "soft")]
    assert "passed over: train/again leads to a folder that is read already" in source.notes


@pytest.mark.parametrize(
    "links",
    [
        {"sad/x": "/etc"},
        {"sad/x": "../.."},
        {"b": "d/e", "d/e/c": "../..", "a": "b/c/../../x"},
        {"a": "b/c/../../x", "d/e/c": "../..", "b": "d/e"},
    ],
)
def test_unpack_refuses_links_that_lead_out(links, tmp_path):
    links = {name: (tarfile.SYMTYPE, target) for name, target in links.items()}
    path = linked(tmp_path / "a.tar", links, {"sad/1.png": b"x", "d/e/1.png": b"x"})
    with pytest.raises(UserError, match="outside of the archive"):
        readers.open_source(path)


def test_unpack_of_a_link_in_a_zip(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sad/1.png", b"x")
        info = zipfile.ZipInfo("happy")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc")
    with pytest.raises(UserError, match="'happy' links to '/etc', outside of the archive"):
        readers.open_source(path)


def test_unpack_refuses_more_than_the_limit(tmp_path):
    path = written(tmp_path, "bomb.zip", csv_files.zip_of({"sad/1.png": bytes(20 << 20)}))
    assert path.stat().st_size < 100_000
    with pytest.raises(UserError, match="unpacks to more than 0.00977 GB; --max-unpacked"):
        readers.open_source(path, max_unpacked=10 << 20)
    many = {f"sad/{n}.png": b"" for n in range(300)}
    with pytest.raises(UserError, match="unpacks to more"):
        readers.open_source(
            written(tmp_path, "many.zip", csv_files.zip_of(many)), max_unpacked=1 << 20
        )


@pytest.mark.parametrize("name", PACKERS)
def test_open_source_of_an_archive_that_is_cut_off(name, tmp_path):
    data = PACKERS[name]({f"sad/{n}.png": np.random.default_rng(n).bytes(5000) for n in range(9)})
    path = written(tmp_path, name, data[: len(data) * 2 // 3])
    with pytest.raises(UserError, match="cannot be read|in none of the known"):
        readers.open_source(path)


def test_open_source_of_an_archive_without_a_data_set(tmp_path):
    path = written(tmp_path, "a.zip", csv_files.zip_of({"a.docx": b"x", "in.zip": b"x"}))
    with pytest.raises(UserError, match="a.zip: holds a.docx, in.zip; expected a CSV"):
        readers.open_source(path)
    path = written(tmp_path, "b.zip", csv_files.zip_of({"one/1.png": b"x", "two/1.png": b"x"}))
    source = readers.open_source(path)
    assert all("not an image" in bad.reason for bad in source.examples())
