"""What is said of a checkpoint that the recipe does not fit."""

import shutil
from types import SimpleNamespace

import pytest

from fer2013_tf import train
from fer2013_tf.checkpoints import run_folder, storage
from fer2013_tf.utils.errors import UserError
from tests import toy

# The optimizer of `whole` is momentum; what each of the others keeps.
STATES = {
    "adam": {"fc1/kernel/Adam": (2,), "fc1/kernel/Adam_1": (2,), "beta1_power": ()},
    "sgd": {},
}


@pytest.fixture
def newest(trained_run):
    """The prefix of a checkpoint, and its {variable: shape}."""
    prefix = run_folder.Run(trained_run / "ckpt", "r").checkpoints()[-1].prefix
    shapes = storage.open_checkpoint(prefix).get_variable_to_shape_map()
    return prefix, {name: tuple(shape) for name, shape in shapes.items()}


def variables(shapes):
    """Stand-ins for variables, as far as `check_fits` looks at them."""
    return [
        SimpleNamespace(
            op=SimpleNamespace(name=name), shape=SimpleNamespace(as_list=lambda s=shape: list(s))
        )
        for name, shape in shapes.items()
    ]


def test_check_fits_accepts_the_same_variables(newest):
    prefix, shapes = newest
    storage.check_fits(variables(shapes), prefix)


@pytest.mark.parametrize("optimizer", STATES)
def test_check_fits_of_another_optimizer_is_one_line(newest, optimizer):
    prefix, shapes = newest
    without = {n: s for n, s in shapes.items() if not n.endswith("/Momentum")}
    assert len(without) < len(shapes)
    with pytest.raises(UserError) as caught:
        storage.check_fits(variables({**without, **STATES[optimizer]}), prefix)
    said = str(caught.value)
    assert f"optimizer momentum, the recipe has {optimizer}" in said and "--warm-start" in said
    assert str(prefix) in said and not caught.value.details


def test_check_fits_of_other_frozen_variables_is_one_line(newest):
    prefix, shapes = newest
    frozen = {n: s for n, s in shapes.items() if n != "conv1/kernel/Momentum"}
    with pytest.raises(UserError, match="other variables frozen.*--warm-start") as caught:
        storage.check_fits(variables(frozen), prefix)
    assert not caught.value.details


def test_check_fits_of_another_net_lists_variables_of_the_net(newest):
    prefix, shapes = newest
    without = {n: s for n, s in shapes.items() if not n.endswith("/Momentum")}
    other = {**without, "fc1/kernel": (1, 1), "fc9/kernel": (2, 2)}
    with pytest.raises(UserError, match="does not fit the checkpoint") as caught:
        storage.check_fits(variables(other), prefix)
    lines = [str(caught.value), *caught.value.details]
    assert any("fc1/kernel: recipe (1, 1)" in line for line in lines)


def test_train_with_another_optimizer_leaves_the_run_as_it_was(
    records_dir, trained_run, tmp_path, capsys
):
    shutil.copytree(trained_run / "ckpt" / "r", tmp_path / "ckpt" / "r")
    before = contents(tmp_path)
    more = ("--set", "optimizer=adam", "--set", "epochs=9")
    assert train.main(toy.again(records_dir, tmp_path, *more)) == 2
    out, error = capsys.readouterr()
    errors = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "--warm-start" in errors[0]
    assert "optimizer = " not in out
    assert contents(tmp_path) == before


def contents(root):
    """{path: bytes} of all files but the lock, which names the process that had it."""
    found = [path for path in root.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path: path.read_bytes() for path in found}
