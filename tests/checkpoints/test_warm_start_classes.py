"""What a warm start makes of the output layer where classes have another order or other names."""

import shutil

import numpy as np
import pytest

from fer2013_tf import train
from fer2013_tf.checkpoints import run_folder, warm_start, weights
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests import toy

KERNEL = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
BIAS = np.array([7, 8, 9], np.float32)


@pytest.fixture
def stored(tmp_path):
    """Weights whose classes are angry, happy, sad; the path of a .npz with its recipe.json."""
    kernel = np.ones((4, 2), np.float32)
    path = tmp_path / "weights.npz"
    np.savez(path, **{"fc/kernel": kernel, "logits/kernel": KERNEL, "logits/bias": BIAS})
    settings = {"data": {"classes": ["angry", "happy", "sad"]}}
    run_folder.write_recipe(tmp_path / "recipe.json", toy.recipe(), settings)
    return path


def prepared(path, classes):
    count = len(classes)
    shapes = {"fc/kernel": (4, 2), "logits/kernel": (2, count), "logits/bias": (count,)}
    return warm_start.prepare(path, shapes, classes, {"logits"})


@pytest.mark.parametrize(
    "classes, order",
    [
        (("angry", "happy", "sad"), [0, 1, 2]),
        (("sad", "angry", "happy"), [2, 0, 1]),
        (("Happy ", "SAD", "angry"), [1, 2, 0]),
        (("sadness", "happiness", "anger"), [2, 1, 0]),
    ],
)
def test_same_classes_in_any_order_are_matched_by_name(stored, classes, order):
    start = prepared(stored, classes)
    np.testing.assert_array_equal(start.values["logits/kernel"].merged(None), KERNEL[:, order])
    np.testing.assert_array_equal(start.values["logits/bias"].merged(None), BIAS[order])
    assert any("reordered by class name" in line for line in start.lines) == (order != [0, 1, 2])
    assert not start.new
    start.check_frozen(["logits/*"])


@pytest.mark.parametrize(
    "classes, expected",
    [
        (("sad", "fear", "angry"), [9, -1, 7]),
        (("contempt", "happy", "angry", "sad"), [-1, 8, 7, 9]),
        (("fear", "sad"), [-1, 9]),
    ],
)
def test_shared_classes_keep_theirs_and_others_begin_anew(stored, classes, expected):
    start = prepared(stored, classes)
    count = len(classes)
    bias = start.values["logits/bias"].merged(lambda: np.full(count, -1.0))
    kernel = start.values["logits/kernel"].merged(lambda: np.full((2, count), -1.0))
    assert bias.tolist() == expected
    assert kernel[:, expected.index(-1)].tolist() == [-1, -1]
    (line,) = [line for line in start.lines if "output layer" in line]
    assert "by name " in line and "new initial values for" in line
    with pytest.raises(UserError, match="logits/kernel would keep random initial values"):
        start.check_frozen(["logits/*"])
    start.check_frozen(["fc/*"])


def test_fewer_classes_in_another_order_are_whole(stored):
    start = prepared(stored, ("sad", "angry"))
    assert start.values["logits/bias"].merged(None).tolist() == [9, 7]
    assert any("left out happy" in line for line in start.lines) and not start.new


def test_no_class_in_common_begins_anew(stored):
    start = prepared(stored, ("left", "right", "up"))
    assert "logits/kernel" not in start.values
    assert any("none of its classes is among angry, happy, sad" in line for line in start.lines)
    assert any("new initial values: logits/kernel, logits/bias" in line for line in start.lines)


def test_two_classes_of_one_meaning_are_matched_as_written_only(stored):
    start = prepared(stored, ("anger", "angry", "sad"))
    initial = start.values["logits/bias"].merged(lambda: np.full(3, -1.0))
    assert initial.tolist() == [-1, 7, 9]


def test_unknown_classes_are_said(stored):
    (stored.parent / "recipe.json").unlink()
    start = prepared(stored, ("sad", "angry", "happy"))
    np.testing.assert_array_equal(start.values["logits/kernel"].merged(None), KERNEL)
    assert any("which classes it has is not written" in line for line in start.lines)


def test_train_with_the_classes_in_another_order(records_dir, trained_run, tmp_path, capsys):
    """Frozen whole, the net gives each class the logits that it had, in the new order."""
    classes = constants.FER2013[::-1]
    toy.write_records(tmp_path / "records", classes=classes)
    (tmp_path / "ckpt").mkdir()
    (tmp_path / "ckpt" / "r").symlink_to(trained_run / "ckpt" / "r")
    more = ("--warm-start", "r", "--freeze", "fc*,logits*")
    words = toy.arguments(tmp_path / "records", tmp_path, *more, settings=("epochs=1",), run="m")
    assert train.main(words) == 0
    assert "reordered by class name" in capsys.readouterr().out
    before = weights.read_ema_weights(run_folder.Run(trained_run / "ckpt", "r").best().prefix)
    after = weights.read_ema_weights(run_folder.Run(tmp_path / "ckpt", "m").best().prefix)
    for name in ("logits/kernel", "logits/bias"):
        np.testing.assert_array_equal(after[name], before[name][..., ::-1])


def test_fresh_does_not_delete_what_it_begins_with(records_dir, tmp_path, trained_run, capsys):
    ckpt = tmp_path / "ckpt"
    shutil.copytree(trained_run / "ckpt", ckpt)
    words = toy.arguments(records_dir, tmp_path, "--fresh", "--warm-start", "r")
    assert train.main(words) == 2
    assert "--fresh deletes these weights" in capsys.readouterr().err
    assert run_folder.Run(ckpt, "r").best()


def test_renamed_variables_and_scopes():
    values = {"conv2d/kernel": 1, "conv2d/bias": 2, "conv2d_1/kernel": 3, "gamma": 4}
    found = warm_start.renamed(values, ("conv2d=conv1", "gamma=bn/gamma"), "x")
    assert found == {"conv1/kernel": 1, "conv1/bias": 2, "conv2d_1/kernel": 3, "bn/gamma": 4}
    for wrong, said in (("conv=a", "OLD is a variable or scope"), ("gamma", "give OLD=NEW")):
        with pytest.raises(UserError, match=said):
            warm_start.renamed(values, (wrong,), "x")
    with pytest.raises(UserError, match="holds conv2d_1/kernel already"):
        warm_start.renamed(values, ("conv2d/kernel=conv2d_1/kernel",), "x")


def test_a_checkpoint_of_another_program_by_renamed_variables(tmp_path):
    from fer2013_tf.utils.tf1 import tf

    with tf.Graph().as_default(), tf.Session() as session:
        made = {"layer/w": KERNEL, "layer/w/Adam": KERNEL, "beta1_power": np.float32(1)}
        variables = [tf.get_variable(name, initializer=value) for name, value in made.items()]
        variables.append(tf.get_variable("step", initializer=3))
        session.run([variable.initializer for variable in variables])
        tf.train.Saver(variables).save(session, str(tmp_path / "other"), write_meta_graph=False)
    path = warm_start.find(str(tmp_path / "other"), tmp_path)
    shapes = {"logits/kernel": KERNEL.shape}
    start = warm_start.prepare(path, shapes, "abc", {"logits"}, ["layer/w=logits/kernel"])
    np.testing.assert_array_equal(start.values["logits/kernel"].merged(None), KERNEL)
    with pytest.raises(UserError, match="nothing in it fits this net; it holds layer/w$"):
        warm_start.prepare(path, shapes, "abc", {"logits"})
