"""Start a training from existing weights: `train --warm-start`.

The weights are those of a run, a checkpoint, a .npz of EMA weights, or the HDF5 file in which
keras.applications distributes VGG16 without its top. Variables are taken by name where the shapes
agree. The others, such as the output layer for another number of classes, get initial values.
"""

from pathlib import Path

import numpy as np

from fer2013_tf.checkpoints import run_folder, storage, weights
from fer2013_tf.utils.errors import UserError

HDF5 = (".h5", ".hdf5")
SHOWN = 12


def find(wanted, root):
    """Return the path of the weights that `wanted` names, as text.

    wanted: a file, a checkpoint's prefix, or RUN[:WHICH] under root.

    Raises UserError where there are none.
    """
    path = Path(wanted)
    if Path(f"{wanted}.index").exists():
        return str(path.resolve())
    if path.suffix in (*HDF5, ".npz"):
        if not path.exists():
            raise UserError(f"--warm-start {wanted}: no such file")
        return str(path.resolve())
    name, _, which = wanted.partition(":")
    run = run_folder.Run(root, name)
    if not run.exists():
        raise UserError(f"--warm-start {wanted}: no such file, and no such run under {root}")
    found = run_folder.select_checkpoints(run, which or "best")
    if len(found) > 1:
        raise UserError(f"--warm-start {wanted}: {len(found)} checkpoints; name one")
    return str(found[0].prefix.resolve())


def read(path):
    """Return {variable: float32 array} of a path that `find` returned."""
    return read_keras(path) if Path(path).suffix in HDF5 else weights.read_ema_weights(path)


def read_keras(path):
    """Return {`layer/kernel` or `layer/bias`: array} of an HDF5 file in Keras's classic layout.

    In it, one group per layer, at the root or under model_weights, names its arrays in the
    attribute weight_names: the kernel, then the bias. Raises UserError naming the file.
    """
    try:
        import h5py
    except ImportError:
        raise UserError(
            f"{path}: reading it takes h5py; install it with pip install h5py"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            if "layer_names" not in root.attrs:
                raise UserError(
                    f"{path}: not in Keras's classic layout (no layer_names); expected weights as "
                    "keras.applications distributes them"
                )
            found = {}
            for layer in _texts(root.attrs["layer_names"]):
                arrays = [root[layer][n][()] for n in _texts(root[layer].attrs["weight_names"])]
                for array in arrays:
                    kind = "bias" if array.ndim == 1 else "kernel"
                    found[f"{layer}/{kind}"] = np.asarray(array, np.float32)
            return found
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); download it again") from None


def _texts(names):
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def apply(session, variables, path):
    """Load what fits into variables and their EMA weights; print what was read and what not.

    Raises UserError where nothing fits.
    """
    values = read(path)
    taken, unfit = [], []
    for variable in variables:
        name = variable.op.name
        source = name.removesuffix(storage.EMA_SUFFIX)
        if source not in values:
            continue
        if tuple(variable.shape.as_list()) != values[source].shape:
            unfit.append(source)
            continue
        variable.load(values[source], session)
        taken.append(source)
    taken, unfit = dict.fromkeys(taken), dict.fromkeys(unfit)
    if not taken:
        raise UserError(f"{path}: nothing in it fits this net; it holds {some(list(values))}")
    of_net = [v.op.name.removesuffix(storage.EMA_SUFFIX) for v in variables if _is_ema_weight(v)]
    missing = [name for name in of_net if name not in taken]
    unused = [name for name in values if name not in taken and name not in unfit]
    print(f"warm start from {path}: {len(taken)} variables read, {some(list(taken))}")
    if missing:
        print(f"  new initial values: {some(missing)}")
    if unused:
        print(f"  not in this net: {some(unused)}", flush=True)


def _is_ema_weight(variable):
    return variable.op.name.endswith(storage.EMA_SUFFIX)


def some(names):
    """Return names as text, the first dozen of many."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
