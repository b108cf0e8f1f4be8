"""Small records and recipes that the tests of the graph share."""

import numpy as np

from fer2013_tf import checkpoints, emotions, recipes, records
from fer2013_tf.sources import Face

SIZE = (48, 48)
# What makes a run quick and repeatable: few pictures, no dropout, float32.
PLAIN = (
    "net.dropout_rates=(0.0, 0.0, 0.0)",
    "loss=softmax",
    "augment=none",
    "l2=0.0",
    "batch_size=16",
)


def write_records(
    folder, *, pictures=32, held_out=10, size=SIZE, classes=emotions.FER2013, seed=0, private=True
):
    """Records of random pictures with random labels: learnt only by heart."""
    draw = np.random.default_rng(seed)
    with records.Writer(folder, classes=classes) as writer:
        row = 0
        for split, count in zip(emotions.SPLITS, (pictures, held_out, held_out * private)):
            for number in range(count):
                row += 1
                pixels = draw.integers(0, 256, size, dtype=np.uint8)
                writer.add(Face(pixels, number % len(classes), split, row, "toy"))
        return writer.commit(source={"sha256": f"toy {seed} {pictures}"})


def recipe(*settings, name="tiny"):
    """A recipe with settings, as the command line would make it."""
    return recipes.with_settings(recipes.load(name), settings)


# Dropout, augmentation and decay on: all that draws or accumulates takes part in "equal".
EVERYTHING = (
    "net.dropout_rates=(0.3, 0.3, 0.3)",
    "augment=flip(0.5) | rotate(0.2) | shift(0.1)",
    "optimizer=momentum",
    "learning_rate=0.01",
    "l2=0.001",
    "epochs=4",
)


def arguments(folder, root, *more, settings=(), run="r"):
    """A command line of train for a quick, repeatable run."""
    words = ["--recipe", "tiny", "--records", folder, "--run", run]
    words += ["--ckpt", root / "ckpt", "--logs", root / "logs", "--precision", "float32"]
    for setting in (*PLAIN, *settings):
        words += ["--set", setting]
    return [str(word) for word in (*words, *more)]


def again(folder, root, *more, run="r"):
    """A command line that goes on with the run as it is."""
    words = ["--records", folder, "--run", run, "--ckpt", root / "ckpt", "--logs", root / "logs"]
    return [str(word) for word in (*words, *more)]


def weights(root, run="r"):
    """Everything in the newest checkpoint."""
    reader = checkpoints.open_checkpoint(
        checkpoints.Run(root / "ckpt", run).checkpoints()[-1].prefix
    )
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_equal(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
