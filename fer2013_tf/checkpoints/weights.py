"""EMA weights for evaluation: of a checkpoint, or packed as float16 in a .npz file.

The weights that ship with the package lie in `SHIPPED`: weights.npz and a recipe.json that holds
their sha256, so that weights are never used with the recipe or the temperatures of others.
"""

import io
import sys
from pathlib import Path

import numpy as np

from fer2013_tf.checkpoints import run_folder, storage
from fer2013_tf.utils import files, outputs
from fer2013_tf.utils.errors import UserError

SHIPPED = Path(__file__).parent.parent / "weights"
WEIGHTS = "weights.npz"
RECIPE = "recipe.json"
SHA256 = "weights_sha256"
# {tta: temperatures of the mean over its views}; without it "temperatures".
TTA_TEMPERATURES = "tta_temperatures"


def read_ema_weights(prefix):
    """Return {variable name: float32 array} of the EMA weights in a checkpoint or a .npz file.

    Raises UserError naming the file where it cannot be read or holds none.
    """
    if Path(prefix).suffix == ".npz":
        with np.load(prefix) as stored:
            return {name: stored[name].astype(np.float32) for name in stored.files}
    reader = storage.open_checkpoint(prefix)
    names = [n for n in reader.get_variable_to_shape_map() if n.endswith(storage.EMA_SUFFIX)]
    if not names:
        raise UserError(f"{prefix}: holds no EMA weights; it was not written by train")
    with storage.naming_read_errors(prefix):
        return storage.ema_weights_of({name: reader.get_tensor(name) for name in names})


def has_ema_weights(prefix):
    """Return whether a checkpoint holds EMA weights, as those of `train` do."""
    names = storage.open_checkpoint(prefix).get_variable_to_shape_map()
    return any(name.endswith(storage.EMA_SUFFIX) for name in names)


def pack(run, which, out, tta_temperatures=None):
    """Write weights.npz (float16) and recipe.json of a run's checkpoint to the folder `out`.

    run: `run_folder.Run`. which: as in `run_folder.select_checkpoints`; of several the last.
    tta_temperatures: {tta: temperatures fitted for it}, as far as they were.
    Returns (`Checkpoint`, size of weights.npz in bytes). Raises UserError beyond float16.
    """
    recipe, settings = run.read()
    chosen = run_folder.select_checkpoints(run, which)[-1]
    values = read_ema_weights(chosen.prefix)
    for name, value in values.items():
        if not (np.abs(value) <= np.finfo(np.float16).max).all():
            raise UserError(f"{chosen.prefix}: {name} does not fit into float16")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{n: values[n].astype(np.float16) for n in sorted(values)})
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files.write_atomically(out / WEIGHTS, buffer.getvalue())
    settings = {
        **settings,
        "from": {"run": run.name, "step": chosen.step, "chosen": which},
        "temperatures": run.temperatures().get(chosen.step),
        TTA_TEMPERATURES: tta_temperatures or {},
        SHA256: files.file_sha256(out / WEIGHTS),
    }
    run_folder.write_recipe(out / RECIPE, recipe, settings)
    return chosen, len(buffer.getvalue())


def are_packed(folder):
    """Return whether a folder holds a recipe.json as `pack` writes it, whole or damaged."""
    return outputs.begins(Path(folder) / RECIPE, r'\{\s*"version": \d+,\s*"recipe": \{')


def packed(folder=SHIPPED):
    """Return (path of weights.npz, Recipe, settings) of a folder that `pack` wrote.

    Raises UserError where the weights are missing, or are not those that recipe.json is of.
    """
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise UserError(
            f"{path}: missing; get it back with git, or train a run and pack it with: "
            "python -m fer2013_tf.ship --run NAME"
        )
    recipe, settings = run_folder.read_recipe(Path(folder) / RECIPE)
    known = settings.get(SHA256)
    if known is None:
        print(
            f"note: {Path(folder) / RECIPE}: made before it held the sha256 of its weights; "
            "whether they belong together is not known; pack them again with ship",
            file=sys.stderr,
        )
    elif known != files.file_sha256(path):
        raise UserError(
            f"{path}: not the weights that {RECIPE} beside it is of (sha256 differs); "
            "get both back with git, or pack them again with: python -m fer2013_tf.ship --run NAME"
        )
    return path, recipe, settings
