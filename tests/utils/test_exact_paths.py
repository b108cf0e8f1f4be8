"""Checkpoints, events and records under names that TensorFlow takes for patterns, or not at all."""

import os
import shutil

import numpy as np
import pytest

from fer2013_tf.checkpoints import run_folder, storage, warm_start, weights
from fer2013_tf.utils import exact_paths
from fer2013_tf.utils.errors import UserError

NAMES = [
    "a[1]",
    "my [x]",
    "back\\slash",
    "[!a]?",
    "[*\\]",
    os.fsdecode(b"latin-\xe9"),
    "表情",
]


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_are_saved_copied_and_read(name, trained_run, tmp_path):
    root = tmp_path / name
    shutil.copytree(trained_run / "ckpt" / "r", root / name, copy_function=os.link)
    run = run_folder.Run(root, name)
    newest, damaged = run.latest_valid()
    assert newest.step == 8 and not damaged
    stored = weights.read_ema_weights(newest.prefix)
    expected = weights.read_ema_weights(trained_run / "ckpt" / "r" / "model.ckpt-8")
    np.testing.assert_array_equal(stored["fc1/kernel"], expected["fc1/kernel"])
    if name == NAMES[0]:  # waits for the disk
        storage.copy(newest, run.best_folder)
    assert storage.corruption_error(run.best().prefix) is None
    assert warm_start.read(warm_start.find(f"{name}:latest", root)).keys() == stored.keys()
    # Named as a file's prefix, which may hold such characters itself.
    for file in storage.files_of(newest.prefix):
        os.link(file, root / file.name.replace("model.ckpt-8", f"{name}.ckpt"))
    assert weights.read_ema_weights(root / f"{name}.ckpt").keys() == stored.keys()


@pytest.mark.parametrize("name", [NAMES[0], os.fsdecode(b"latin-\xe9")])
def test_saver_and_events_write_and_restore(name, tmp_path):
    from fer2013_tf.training import summaries
    from fer2013_tf.utils.tf1 import tf

    (tmp_path / name).mkdir()
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("v", initializer=[1.0, 2.0])
        saver = tf.train.Saver([variable])
        session.run(variable.initializer)
        storage.save(saver, session, tmp_path / name, 3, keep=1)
        variable.load([0.0, 0.0], session)
        prefix = tmp_path / name / "model.ckpt-3"
        saver.restore(session, exact_paths.exact(prefix))
        assert session.run(variable).tolist() == [1.0, 2.0]
        with summaries.Log(tmp_path / name / "logs" / name) as log:
            log.add(summaries.scalar_values({"a": 1.0}), 1)
    assert list((tmp_path / name / "logs" / name).glob("events.out.tfevents.*"))


def test_usual_names_need_no_link(tmp_path):
    for name in ("a b", "表情", "{x}", "a]b", "new\nline"):
        assert exact_paths.exact(tmp_path / name) == str(tmp_path / name)


def test_messages_name_what_is_meant(trained_run, tmp_path):
    root = tmp_path / "a[1]"
    shutil.copytree(trained_run / "ckpt" / "r", root / "r")
    (data,) = root.glob("r/model.ckpt-8.data-*")
    data.write_bytes(data.read_bytes()[:1000])
    said = storage.corruption_error(root / "r" / "model.ckpt-8")
    assert said.startswith(f"{root}/r/model.ckpt-8: damaged (") and "fer2013_tf-" not in said


def test_what_the_system_cannot_read_is_not_called_damaged(trained_run, tmp_path, monkeypatch):
    run = run_folder.Run(tmp_path, "r")
    shutil.copytree(trained_run / "ckpt" / "r", run.folder)
    (index,) = run.folder.glob("model.ckpt-8.index")
    index.write_bytes(b"")

    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(storage.files, "file_sha256", forbidden)
    for read in (run.latest_valid, lambda: weights.read_ema_weights(index.with_suffix(""))):
        with pytest.raises(UserError, match="Permission denied.*may be whole") as caught:
            read()
        assert "remove" not in str(caught.value) and "--fresh" not in str(caught.value)


def test_a_missing_checkpoint_is_not_called_damaged(tmp_path):
    with pytest.raises(UserError, match="no such checkpoint") as caught:
        storage.open_checkpoint(tmp_path / "a[1]" / "model.ckpt-8")
    assert "remove" not in str(caught.value)


def test_a_temporary_folder_with_such_a_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "t[1]").mkdir()
    monkeypatch.setattr(exact_paths.tempfile, "tempdir", str(tmp_path / "t[1]"))
    exact_paths._folder_of.cache_clear()
    with pytest.raises(UserError, match="set TMPDIR"):
        exact_paths.exact(tmp_path / "b*" / "x")
    assert not list((tmp_path / "t[1]").iterdir())
