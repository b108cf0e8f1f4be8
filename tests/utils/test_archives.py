"""Archives: which member is read, limits, hostile members."""

import gzip
import io
import tarfile
import zipfile

import pytest

from fer2013_tf import make_records
from fer2013_tf.utils.errors import UserError
from tests.csv_files import csv_of, pixels_of, read, row_of, tar_of, text_of, written, zip_of

FACES = csv_of(3)
NO_USAGE = f"emotion,pixels\n3,{text_of(pixels_of(0))}\n".encode()


@pytest.mark.parametrize("first", ["with", "without"])
def test_unpack_prefers_the_member_with_usage(tmp_path, first):
    members = {"with.csv": FACES, "without.csv": NO_USAGE}
    ordered = {f"{first}.csv": members[f"{first}.csv"], **members}
    path = written(tmp_path, "kaggle.zip", zip_of(ordered))
    assert [face.where for face in read(path)] == ["kaggle.zip:with.csv"] * 3


@pytest.mark.parametrize(
    "name, pack",
    [
        ("two.zip", zip_of),
        ("two.tar", lambda members: tar_of(members, "w")),
        ("two.tar.gz", lambda members: tar_of(members, "w:gz")),
    ],
)
def test_unpack_refuses_several_alike(tmp_path, name, pack):
    path = written(tmp_path, name, pack({"a.csv": FACES, "b.csv": FACES}))
    with pytest.raises(UserError, match=r"several files of faces \(a.csv, b.csv\); unpack it"):
        read(path)


@pytest.mark.parametrize("name", ["../../up.csv", "/etc/up.csv", "..\\up.csv", "a/../../up.csv"])
def test_unpack_writes_no_member_outside_the_folder(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    for archive in (zip_of({name: FACES}), tar_of({name: FACES}, "w:gz")):
        path = written(inside, "a", archive)
        before = sorted(tmp_path.rglob("*"))
        assert len(read(path)) == 3
        assert sorted(tmp_path.rglob("*")) == before


def test_unpack_skips_links_in_a_tar(tmp_path):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("faces.csv")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    with pytest.raises(UserError, match="holds no file"):
        read(written(tmp_path, "links.tar", data.getvalue()), format="fer2013_csv")


def test_unpack_opens_no_archive_in_an_archive(tmp_path):
    for inner in (zip_of({"a.csv": FACES}), tar_of({"a.csv": FACES}, "w:gz")):
        path = written(tmp_path, "outer.zip", zip_of({"inner": inner}))
        with pytest.raises(UserError, match="holds inner; expected a CSV"):
            read(path)


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.zip", "bomb.tar.gz"])
def test_unpack_refuses_more_than_the_limit(tmp_path, name, capsys):
    """A few KB that unpack to 30 MB of rows."""
    bomb = b"emotion,pixels,Usage\n" + (row_of(1) + "\n").encode() * 3000
    pack = {"gz": gzip.compress, "zip": lambda data: zip_of({"a.csv": data})}
    packed = tar_of({"a.csv": bomb}, "w:gz") if "tar" in name else pack[name.split(".")[-1]](bomb)
    path = written(tmp_path, name, packed)
    assert len(packed) < len(bomb) / 100
    words = [str(path), "--out", str(tmp_path / "out")]
    assert make_records.main([*words, "--max-unpacked", "0.02"]) == 2
    error = capsys.readouterr().err
    assert f"{path}: unpacks to more than 0.02 GB; --max-unpacked sets the limit" in error
    assert not list((tmp_path / "out").glob("*.tfrecord"))
    assert len(read(path, max_unpacked=1 << 30)) == 3000


def test_unpack_refuses_a_zip_with_a_wrong_size(tmp_path):
    data = bytearray(zip_of({"a.csv": FACES}, zipfile.ZIP_STORED))
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (100).to_bytes(4, "little")
    with pytest.raises(UserError, match="cannot be read"):
        read(written(tmp_path, "lie.zip", bytes(data)))


def test_max_unpacked_is_refused_for_folders(tmp_path, capsys):
    (tmp_path / "tree" / "happy").mkdir(parents=True)
    words = [str(tmp_path / "tree"), "--max-unpacked", "1", "--out", str(tmp_path / "out")]
    assert make_records.main(words) == 2
    assert "format folder has no option --max-unpacked" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        make_records.main(["--max-unpacked", "-1"])
