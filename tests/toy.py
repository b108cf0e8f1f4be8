"""Small records and recipes that tests share."""

import numpy as np

from fer2013_tf import recipes
from fer2013_tf.checkpoints import run_folder, storage
from fer2013_tf.data import records
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.utils import constants

SIZE = (48, 48)
# For quick runs that repeat exactly: narrow layers, small batches, nothing random in the loss.
PLAIN = (
    "net.dense_units=16",
    "net.dropout_rates=(0.0, 0.0, 0.0)",
    "loss=softmax",
    "augment=none",
    "weight_decay=0.0",
    "batch_size=16",
)


def write_records(
    folder, *, images=32, held_out=10, size=SIZE, classes=constants.FER2013, seed=0, private=True
):
    """Write records of random images with random labels, which a net can only memorize."""
    random = np.random.default_rng(seed)
    with records.Writer(folder, classes=classes) as writer:
        row = 0
        for split, count in zip(constants.SPLITS, (images, held_out, held_out * private)):
            for number in range(count):
                row += 1
                pixels = random.integers(0, 256, size, dtype=np.uint8)
                writer.add(LabeledImage(pixels, number % len(classes), split, row, "toy"))
        return writer.commit(source={"sha256": f"toy {seed} {images}"})


def recipe(*settings, name="tiny"):
    """Return a recipe with settings, as the command line makes it."""
    return recipes.with_settings(recipes.load(name), settings)


# Dropout, augmentation, momentum and decay, so that "equal" includes all randomness and state.
EVERYTHING = (
    "net.dropout_rates=(0.3, 0.3, 0.3)",
    "augment=flip(0.5) | rotate(0.2) | translate(0.1)",
    "optimizer=momentum",
    "learning_rate=0.01",
    "weight_decay=0.001",
    "epochs=4",
)


def arguments(folder, root, *more, settings=(), run="r"):
    """Return the arguments of train for a quick, repeatable run."""
    words = ["--recipe", "tiny", "--records", folder, "--run", run]
    words += ["--ckpt", root / "ckpt", "--logs", root / "logs", "--precision", "float32"]
    for setting in (*PLAIN, *settings):
        words += ["--set", setting]
    return [str(word) for word in (*words, *more)]


def again(folder, root, *more, run="r"):
    """Return the arguments of train that resume a run."""
    words = ["--records", folder, "--run", run, "--ckpt", root / "ckpt", "--logs", root / "logs"]
    return [str(word) for word in (*words, *more)]


def weights(root, run="r"):
    """Return {name: array} of everything in the newest checkpoint."""
    reader = storage.open_checkpoint(run_folder.Run(root / "ckpt", run).checkpoints()[-1].prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_equal(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
