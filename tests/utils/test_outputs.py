"""Outputs against inputs, each other, and what a user made."""

import os

import numpy as np
import pytest
from PIL import Image

from fer2013_tf.utils import outputs
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.outputs import File, Folder
from fer2013_tf.visualization import style


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A folder, the working one too, with d/x.png, which a user made, and links to it."""
    (tmp_path / "d").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "d" / "x.png")
    os.link(tmp_path / "d" / "x.png", tmp_path / "hard.csv")
    (tmp_path / "soft.csv").symlink_to("d/x.png")
    (tmp_path / "way").symlink_to("d")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(said, *declared, inputs=(), **how):
    with pytest.raises(UserError) as caught:
        outputs.check(declared, inputs, **how)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["d/x.png", "./d/../d/x.png", "way/x.png", "hard.csv", "soft.csv", "{}/d/x.png"]
)
def test_check_refuses_an_input_by_any_name(there, name):
    for overwrite in (False, True):
        one = File("--csv", name.format(there))
        refused("which is read", one, inputs=["d/x.png"], overwrite=overwrite)


def test_check_refuses_a_file_that_both_would_make(there):
    two = File("--csv", "new.csv"), File("--plot", "d/../new.csv")
    refused("--plot d/../new.csv: the same file as --csv new.csv", *two)
    refused("the same file", File("--csv", "a.csv"), File("--plot", "A.CSV"))
    (there / "dangling").symlink_to("new.csv")
    refused("the same file", File("--csv", "new.csv"), File("--plot", "dangling"))
    refused("which is read", File("--csv", "no.png"), inputs=["./no.png"])
    outputs.check([File("--csv", "a.csv"), File("--plot", "b.csv"), File("--json", None)])


def test_check_refuses_a_standard_stream_that_is_the_file(there, tmp_path):
    (there / "list.txt").write_text("d/x.png\n")
    kept = os.dup(0)
    try:
        with open("list.txt") as names:
            os.dup2(names.fileno(), 0)
            refused("would replace standard input", File("--csv", "list.txt"), overwrite=True)
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_check_folders_file_by_file(there):
    into = Folder("--annotate", "d", {"x.png", "y.png"})
    refused("would replace d/x.png, which is read", into, inputs=["d/x.png"], overwrite=True)
    refused("--annotate d/x.png: exists, and is not known", into)
    refused("--annotate d: is what is read", Folder("--annotate", "d", ()), inputs=["way"])
    outputs.check([into], overwrite=True)
    outputs.check([Folder("--annotate", "d", {"y.png"}), Folder("--explain", "d", {"z.png"})])
    outputs.check([Folder("--out", "d", {"x.png"}, known=True)])
    refused("that --csv d/y.png writes", into, File("--csv", "d/y.png"), overwrite=True)
    refused("--explain way writes", into, Folder("--explain", "way", {"Y.png".lower()}), **WITH)


WITH = {"overwrite": True}


@pytest.mark.parametrize("content", [b"my notes\n", b"a,b\n1,2\n", b'{"a": 1}', b"\0\1\2", b"[1]"])
def test_check_keeps_what_a_user_made(there, content):
    (there / "mine").write_bytes(content)
    refused("mine: exists, and is not known as made by this program", File("--csv", "mine"))
    assert (there / "mine").read_bytes() == content
    outputs.check([File("--csv", "mine")], overwrite=True)
    # The mark in a file of another kind is no mark.
    (there / "mine").write_bytes(content + outputs.MARK.encode())
    refused("mine: exists", File("--csv", "mine"))


def test_check_lets_devices_and_empty_files_be_written(there):
    (there / "empty.csv").touch()
    outputs.check([File("--csv", "empty.csv"), File("--plot", "/dev/null")])


def test_check_refuses_what_is_no_place_for_a_file(there):
    refused("is a folder; name a file", File("--csv", "d"))
    refused("is a file; name a folder", Folder("--annotate", "hard.csv", ()))
    refused("the folder is not there", File("--csv", "none/x.csv"))
    refused("NUL", File("--csv", "a\0b"))


def test_made_here_knows_figures_and_drawings(there):
    figure, axes = style.subplots(1, 1)
    style.save(figure, there / "figure.png")
    (there / "drawing.png").write_bytes(outputs.png(Image.new("RGB", (5, 5))))
    for name in ("figure.png", "drawing.png"):
        assert outputs.made_here(there / name) and outputs.is_drawing(there / name)
    assert not outputs.made_here("d/x.png") and not outputs.is_drawing("d/x.png")
    assert not outputs.is_drawing("none.png") and not outputs.is_drawing("d")


@pytest.mark.parametrize("place", [b"%b", b"x" * (3 << 20) + b"%b"])
@pytest.mark.parametrize("magic", [b"\0\0\0\x18ftypmp42", b"RIFF\1\2\3\4AVI ", b"\x1aE\xdf\xa3"])
def test_made_here_finds_the_mark_of_a_video_at_both_ends(tmp_path, magic, place):
    video = tmp_path / "v"
    video.write_bytes(magic + place % outputs.MARK.encode() + bytes(100))
    assert outputs.made_here(video)
    video.write_bytes(magic + np.random.default_rng(0).bytes(5 << 20))
    assert not outputs.made_here(video)
