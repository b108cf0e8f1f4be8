"""Start a training from existing weights: `train --warm-start`.

The weights are those of a run, a checkpoint, a .npz of EMA weights, or the HDF5 file in which
keras.applications distributes VGG16 without its top. Variables are taken by name where the shapes
agree; the others get initial values. Of the output layer each class is taken by its name.
"""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf.checkpoints import run_folder, storage, weights
from fer2013_tf.utils import constants
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
    """Return {variable: float32 array} of a path that `find` returned.

    Of a checkpoint: its EMA weights, or, where another program wrote it, all floating-point
    variables but those of optimizers. Raises UserError naming what cannot be read.
    """
    if Path(path).suffix in HDF5:
        return read_keras(path)
    if Path(path).suffix == ".npz" or weights.has_ema_weights(path):
        return weights.read_ema_weights(path)
    values = storage.read_variables(path)
    return {
        name: value.astype(np.float32)
        for name, value in values.items()
        if value.dtype.kind == "f" and not storage.OPTIMIZER_VARIABLE.search(name)
    }


def renamed(values, renames, path):
    """Return {variable: array} with other names.

    renames: of `old=new`, the names of variables or of scopes: `conv2d=conv1` makes
    `conv2d/kernel` `conv1/kernel`. Raises UserError for one that fits nothing, and where two get
    one name.
    """
    for rename in renames:
        old, sign, new = rename.partition("=")
        fits = [name for name in values if name == old or name.startswith(f"{old}/")]
        if not (old and sign and new and fits):
            raise UserError(
                f"--rename {rename}: give OLD=NEW, where OLD is a variable or scope of {path}; "
                f"it holds {some(list(values))}"
            )
        changed = {name: new + name[len(old) :] for name in fits}
        taken = set(changed.values()) & (values.keys() - changed.keys())
        if taken:
            raise UserError(f"--rename {rename}: {path} holds {some(sorted(taken))} already")
        values = {changed.get(name, name): value for name, value in values.items()}
    return values


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


class Start(NamedTuple):
    """What a net's variables begin with."""

    values: dict  # {name: `Taken`}
    new: tuple  # names of the net's variables that begin, in whole or in part, with initial values
    lines: tuple  # of text that say what was taken and what not

    def load(self, session, variables):
        """Load the values into variables, which are initialized, and into their EMA weights."""
        for variable in variables:
            if taken := self.values.get(variable.op.name.removesuffix(storage.EMA_SUFFIX)):
                variable.load(taken.merged(lambda v=variable: session.run(v)), session)

    def check_frozen(self, patterns):
        """Raise UserError where a pattern freezes what begins with initial values."""
        for pattern in patterns:
            for name in self.new:
                if fnmatchcase(name, pattern):
                    raise UserError(
                        f"freeze={pattern}: {name} would keep random initial values for good, "
                        "in whole or in part: --warm-start has none that fit; do not freeze it",
                        self.lines,
                    )


class Taken(NamedTuple):
    """An array, and where it holds values: at these places of its last axis, or at all (None)."""

    array: np.ndarray
    places: list | None = None

    def merged(self, initial):
        """Return the array, what it does not hold taken from `initial()`."""
        if self.places is None:
            return self.array
        merged = np.array(initial())
        merged[..., self.places] = self.array
        return merged


def prepare(path, shapes, classes, output_scopes, renames=()):
    """Read the weights at `path` and hold them against a net. Returns `Start`.

    shapes: {variable name: shape} of the net, EMA weights and optimizer left out. classes: the
    net's, in order. output_scopes: variable scopes of its output layers, whose last axes are the
    classes: they are matched by the classes' names. renames: see `renamed`.
    Raises UserError where nothing fits.
    """
    stored = renamed(read(path), renames, path)
    matched = match_classes(classes_of(path), classes)
    values, partial = {}, []
    for name, shape in shapes.items():
        if name not in stored:
            continue
        is_output = name.rpartition("/")[0] in output_scopes
        taken = _output_of(stored[name], shape, matched) if is_output else Taken(stored[name])
        if taken is None or (taken.places is None and taken.array.shape != shape):
            continue
        values[name] = taken
        partial += [name] if taken.places is not None else []
    if not values:
        raise UserError(f"{path}: nothing in it fits this net; it holds {some(list(stored))}")
    missing = [name for name in shapes if name not in values]
    lines = [f"warm start from {path}: {len(values)} variables read, {some(list(values))}"]
    lines += [f"  {matched.line}"] if matched.line else []
    lines += [f"  new initial values: {some(missing)}"] if missing else []
    unused = [name for name in stored if name not in shapes]
    lines += [f"  not in this net: {some(unused)}"] if unused else []
    return Start(values, (*missing, *partial), tuple(lines))


def _output_of(array, shape, matched):
    """Return the `Taken` of an output layer's variable; None where nothing of it fits."""
    if matched.sources is None:
        return Taken(array)
    known, count = len(matched.sources), len(shape) and shape[-1]
    fits = array.ndim == len(shape) > 0 and array.shape[:-1] == shape[:-1]
    if not fits or array.shape[-1] != matched.stored or count != known:
        return None
    places = [place for place, source in enumerate(matched.sources) if source is not None]
    if not places:
        return None
    columns = array[..., [matched.sources[place] for place in places]]
    return Taken(columns, places if len(places) < known else None)


class Matched(NamedTuple):
    """Which of the stored classes each class of the net is."""

    sources: list | None  # per class of the net: its place among the stored ones, or None
    stored: int  # number of stored classes
    line: str  # what is to be said of it, or nothing


def match_classes(stored, classes):
    """Match classes by name: as written, else regardless of case and of noun or adjective.

    stored: names in the order of the stored output layer; None where they are not known, which
    leaves the layer as it is. Returns `Matched`.
    """
    if stored is None:
        line = "output layer: taken as it is where its shape fits; which classes it has is not "
        return Matched(None, 0, line + "written beside the weights")
    by_name = {name: place for place, name in enumerate(stored)}
    by_key = {constants.expression(name): place for place, name in enumerate(stored)}
    if len(by_key) < len(stored) or len({constants.expression(c) for c in classes}) < len(classes):
        by_key = {}
    sources = [by_name.get(c, by_key.get(constants.expression(c))) for c in classes]
    taken = [name for name, source in zip(classes, sources) if source is not None]
    new = [name for name, source in zip(classes, sources) if source is None]
    left = [name for place, name in enumerate(stored) if place not in sources]
    if not taken:
        line = f"output layer: none of its classes is among {some(stored)}"
    elif new or left:
        line = f"output layer: by name {some(taken)}"
        line += f"; new initial values for {some(new)}" if new else ""
        line += f"; left out {some(left)}" if left else ""
    elif sources != list(range(len(classes))):
        line = f"output layer: reordered by class name, from {some(stored)} to {some(classes)}"
    else:
        line = ""
    return Matched(sources, len(stored), line)


def classes_of(path):
    """Return the classes of a run's checkpoint or of packed weights, in order; None if not known.

    They are in the recipe.json beside it, or beside the folder `best`. Raises UserError where that
    is damaged.
    """
    folder = Path(path).parent
    for place in (folder, folder.parent) if folder.name == run_folder.BEST else (folder,):
        if (place / "recipe.json").exists():
            _, settings = run_folder.read_recipe(place / "recipe.json")
            return list(settings["data"]["classes"])
    return None


def some(names):
    """Return names as text, the first dozen of many."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
