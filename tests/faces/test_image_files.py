"""Walking folders: links, hidden files, circles."""

import pytest

from fer2013_tf.data import readers
from fer2013_tf.faces import image_files
from fer2013_tf.utils.errors import UserError
from tests.data.test_readers import written_images


@pytest.fixture
def tree(tmp_path):
    """A tree with links to folders inside and outside, circles, and what systems put beside."""
    hidden = ("happy/._1.png", "__MACOSX/happy/1.png", ".thumbs/1.png", "@eaDir/1.png")
    root, names = tmp_path / "tree", ("happy/1.png", "sad/deep/2.PNG", *hidden)
    written_images(root, dict.fromkeys(names, 1))
    written_images(tmp_path / "elsewhere", {"3.png": 3})
    for link, target in {
        **{"fear": "../elsewhere", "joy": "happy", "happy/again": "..", "sad/self": "self"},
        **{"gone": "nowhere", "happy/a.png": "1.png", "happy/lost.png": "nowhere.png"},
    }.items():
        (root / link).symlink_to(target)
    (root / "happy" / "Thumbs.db").touch()
    return root


def test_walk_follows_links_once_and_passes_over_hidden(tree):
    found = image_files.walk(tree)
    seen = ["fear/3.png", "happy/1.png", "happy/a.png", "happy/lost.png", "sad/deep/2.PNG"]
    assert found.files == seen
    assert sorted(found.passed_over) == [
        "gone leads nowhere",
        "happy/again leads to a folder that is read already",
        "joy leads to a folder that is read already",
        "sad/self leads nowhere",
    ]


def test_walk_reads_a_linked_folder_that_holds_its_own_link(tmp_path):
    written_images(tmp_path, {"real/a/1.png": 1, "real/b/2.png": 2, "view/c/3.png": 3})
    (tmp_path / "view" / "all").symlink_to("..")
    assert image_files.walk(tmp_path / "view").files == [
        *("all/real/a/1.png", "all/real/b/2.png", "c/3.png")
    ]


def test_expand_and_folder_read_the_same_files(tree):
    (tree / "happy" / "lost.png").unlink()
    (tree / "sad" / "deep").rename(tree / "sad" / "anger")
    expanded = [name[len(str(tree)) + 1 :] for name in image_files.expand([str(tree)])]
    source = readers.open_source(tree)
    assert expanded == [image.where for image in source.examples()]
    assert any("passed over: gone leads nowhere" in note for note in source.notes)
    pattern = [name[len(str(tree)) + 1 :] for name in image_files.expand([f"{tree}/**/*.[pP]*"])]
    assert pattern == expanded


def test_expand_reads_what_is_named_itself(tree):
    for name in ("__MACOSX", "happy/._1.png", ".thumbs"):
        (found,) = image_files.expand([str(tree / name)])
        assert found.startswith(str(tree / name))
    (found,) = image_files.expand([f"{tree}/__MAC*/*/*.png"])
    assert found.endswith("__MACOSX/happy/1.png")


def test_walk_names_a_folder_that_cannot_be_read(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: cannot be read"):
        image_files.walk(tmp_path / "file")
