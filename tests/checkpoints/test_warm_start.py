"""Beginning with weights that are there, and leaving some of them as they are."""

import numpy as np
import pytest

from fer2013_tf import train
from fer2013_tf.checkpoints import run_folder, warm_start, weights
from fer2013_tf.utils.errors import UserError
from tests import toy

CLASSES = ("one", "two", "three")


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Records of three classes."""
    folder = tmp_path_factory.mktemp("three")
    toy.write_records(folder, classes=CLASSES)
    return folder


def trained(folder, whole, root, *more, settings=("epochs=1",)):
    """Shadows after a training in `root` that may begin with the runs of `whole`."""
    ckpt = whole / "ckpt"
    (root / "ckpt").mkdir(exist_ok=True)
    if not (root / "ckpt" / "r").exists():
        (root / "ckpt" / "r").symlink_to(ckpt / "r")
    words = toy.arguments(folder, root, *more, settings=settings, run="mine")
    assert train.main(words) == 0
    run = run_folder.Run(root / "ckpt", "mine")
    return weights.read_ema_weights(run.checkpoints()[-1].prefix)


def test_warm_start_with_other_classes_gives_the_output_new_values(
    three, trained_run, tmp_path, capsys
):
    stored = weights.read_ema_weights(run_folder.Run(trained_run / "ckpt", "r").best().prefix)
    got = trained(three, trained_run, tmp_path, "--warm-start", "r", "--freeze", "conv*,fc?/*")
    said = capsys.readouterr().out
    assert "new initial values: logits/" in said and "frozen: conv1/kernel" in said
    assert got["logits/kernel"].shape == (16, 3)
    for name, value in stored.items():
        if not name.startswith("logits"):
            np.testing.assert_array_equal(got[name], value, err_msg=name)


def test_without_freezing_all_moves(three, trained_run, tmp_path):
    stored = weights.read_ema_weights(run_folder.Run(trained_run / "ckpt", "r").best().prefix)
    got = trained(three, trained_run, tmp_path, "--warm-start", "r:latest")
    assert all(not np.array_equal(got[n], v) for n, v in stored.items() if "logits" not in n)
    far = np.abs(got["fc1/kernel"] - stored["fc1/kernel"]).mean()
    assert far < 0.5 * np.abs(stored["fc1/kernel"]).mean()


def test_resumed_it_does_not_begin_again(three, trained_run, tmp_path, capsys):
    trained(three, trained_run, tmp_path, "--warm-start", "r")
    capsys.readouterr()
    trained(three, trained_run, tmp_path, "--warm-start", "r", settings=("epochs=2",))
    said = capsys.readouterr().out
    assert "going on from step" in said and "warm start from" not in said
    words = toy.arguments(three, tmp_path, "--warm-start", "r:latest", run="mine")
    assert train.main(words) in (0, 2)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--warm-start", "gone"], "no such file, and no such run under"),
        (["--warm-start", "gone.npz"], "no such file"),
        (["--freeze", "*"], "leaves nothing to train"),
        (["--freeze", "cnv*"], "freeze=cnv*: no such variable; there are conv1/kernel"),
    ],
)
def test_refusals(records_dir, tmp_path, capsys, words, said):
    assert train.main(toy.arguments(records_dir, tmp_path, *words)) == 2
    assert said in capsys.readouterr().err


def test_weights_of_another_net_are_refused(records_dir, tmp_path, capsys):
    np.savez(tmp_path / "other.npz", block9=np.zeros(3, np.float32))
    words = toy.arguments(records_dir, tmp_path, "--warm-start", str(tmp_path / "other.npz"))
    assert train.main(words) == 2
    assert "nothing in it fits this net; it holds block9" in capsys.readouterr().err


class TestKerasFile:
    """The classic layout of keras.applications: groups of layers, attributes that name arrays."""

    def written(self, path, layers, prefix=""):
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            root = file.create_group(prefix) if prefix else file
            root.attrs["layer_names"] = [name.encode() for name in layers]
            for name, arrays in layers.items():
                group = root.create_group(name)
                names = [f"{name}_W_{n}:0" for n in range(len(arrays))]
                group.attrs["weight_names"] = [n.encode() for n in names]
                for own, array in zip(names, arrays):
                    group.create_dataset(own, data=array)
        return str(path)

    @pytest.mark.parametrize("prefix", ["", "model_weights"])
    def test_read(self, tmp_path, prefix):
        kernel, bias = np.ones((3, 3, 1, 2)), np.zeros(2)
        layers = {"input_1": [], "block1_conv1": [kernel, bias]}
        found = warm_start.read(self.written(tmp_path / "w.h5", layers, prefix))
        assert sorted(found) == ["block1_conv1/bias", "block1_conv1/kernel"]
        assert found["block1_conv1/kernel"].dtype == np.float32

    def test_refusals(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        (tmp_path / "a.h5").write_bytes(b"not HDF5")
        with h5py.File(tmp_path / "b.h5", "w") as file:
            file.attrs["other"] = 1
        for name, said in (("a.h5", "cannot be read"), ("b.h5", "not in Keras's classic layout")):
            with pytest.raises(UserError, match=said):
                warm_start.read(str(tmp_path / name))

    def test_features_are_those_of_tf_keras(self, tmp_path):
        """keras.applications' VGG16 from random weights, written by tf_keras, read by us."""
        pytest.importorskip("tf_keras")
        import subprocess
        import sys

        made = subprocess.run(
            [sys.executable, "-c", KERAS, str(tmp_path)], capture_output=True, text=True
        )
        assert made.returncode == 0, made.stderr
        pixels = np.load(tmp_path / "pixels.npy")
        expected = np.load(tmp_path / "features.npy")
        np.testing.assert_allclose(
            ours(tmp_path / "vgg16.h5", pixels), expected, rtol=1e-4, atol=1e-4 * expected.std()
        )


KERAS = """
import sys
import numpy as np
import tf_keras as keras

folder = sys.argv[1]
keras.utils.set_random_seed(3)
net = keras.applications.VGG16(weights=None, include_top=False, input_shape=(48, 48, 3))
draw = np.random.default_rng(4)
net.set_weights([w + 0.01 * draw.normal(size=w.shape) for w in net.get_weights()])
net.save_weights(folder + "/vgg16.h5")
pixels = draw.integers(0, 256, (3, 48, 48), dtype=np.uint8)
gray = np.repeat(pixels[..., None].astype(np.float32), 3, axis=3)
fed = keras.applications.vgg16.preprocess_input(gray)
np.save(folder + "/pixels.npy", pixels)
np.save(folder + "/features.npy", net.predict(fed, verbose=0))
"""


def ours(path, pixels):
    """block5_pool's features of the evaluation graph with the file's weights."""
    from fer2013_tf.evaluation import eval_graph
    from fer2013_tf.utils.tf1 import tf
    from tools.golden_lists import DATA

    net = eval_graph.build_eval(toy.recipe("net=vgg16", "scaling=none"), DATA)
    values = warm_start.read(str(path))
    with tf.Session(graph=net.graph) as session:
        for name, (placeholder, assign) in net.assign.items():
            value = values.get(name, np.zeros(placeholder.shape.as_list(), np.float32))
            session.run(assign, {placeholder: value})
        session.run(net.refresh)
        return session.run(net.end_points["block5_pool"], {net.images: pixels})
