"""Estimate what the trials of a plan take: minutes of training, bytes of checkpoints.

Each trial is timed over a few of its training steps. What was measured is cached in a JSON file, so
that the next estimate measures nothing again. An entry is valid for the settings that decide the
speed of a step, the number format, the size of the records and the machine's processor.
"""

import hashlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from fer2013_tf.utils import cli, constants, files
from fer2013_tf.utils.errors import UserError

CACHE = "speed.json"
VERSION = 1
# Settings that change what is learnt, but not how long a step takes.
WITHOUT_EFFECT = ("name", "epochs", "learning_rate", "schedule", "bn_momentum", "ema_decay")


class Speed(NamedTuple):
    """What was measured of one trial."""

    parameters: int
    operations: int  # per image
    checkpoint_bytes: int
    images_per_second: float  # of training


def speeds(trials, record_set, *, precision, cache):
    """Return {trial name: Speed}, measured where the file `cache` does not have it.

    Shows a progress bar over the trials that are measured, some seconds each.
    """
    known = _read(cache)
    keys = {trial.name: _key(trial.recipe, record_set, precision) for trial in trials}
    missing = [trial for trial in trials if keys[trial.name] not in known]
    if len(missing) < len(trials):
        all_trials = cli.counted(len(trials), "trial")
        print(f"{len(trials) - len(missing)} of {all_trials} measured before: {cache}")
    if missing:
        Path(cache).parent.mkdir(parents=True, exist_ok=True)
        for trial in tqdm(missing, desc="measuring", unit=" trial", leave=False):
            key = keys[trial.name]
            if key not in known:
                known[key] = measure(trial.recipe, record_set, precision=precision)
                # After each one: what was measured before an interruption is kept.
                _write(cache, known)
    return {name: known[key] for name, key in keys.items()}


def measure(recipe, record_set, *, precision):
    """Return the Speed of a recipe on these records. Takes some seconds."""
    # TensorFlow, which takes seconds, only where something is to be measured.
    from fer2013_tf.evaluation import costs
    from fer2013_tf.training import step_rate

    cost = costs.of_net(recipe, record_set.manifest)
    return Speed(
        cost.parameters,
        cost.operations,
        costs.checkpoint_bytes(recipe, cost),
        step_rate.measured_rate(recipe, record_set, precision=precision),
    )


def training_seconds(recipe, speed, images, minutes):
    """Return the seconds of one training on so many images; minutes: its limit, or None."""
    seconds = recipe.epochs * images / speed.images_per_second
    return min(seconds, 60 * minutes) if minutes else seconds


def processor():
    """Return the model of the processor and the number of cores that this process may use."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    # Linux alone says which cores a process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return models[0] if models else platform.processor(), cores


def _key(recipe, record_set, precision):
    settings = {k: v for k, v in recipe.__dict__.items() if k not in WITHOUT_EFFECT}
    manifest = record_set.manifest
    size = record_set.size(constants.TRAINING), manifest["size"], len(manifest["classes"])
    text = json.dumps([settings, precision, size, processor()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path):
    """Return {key: Speed} of the cache; empty, with a note, where it cannot be used."""
    if not Path(path).exists():
        return {}
    try:
        content = files.read_json(path, "measuring again")
        if content["version"] != VERSION:
            raise KeyError
        return {key: Speed(**values) for key, values in content["measured"].items()}
    except (KeyError, TypeError, AttributeError):
        print(f"note: {path}: not a cache of this version; measuring again", file=sys.stderr)
    except (UserError, OSError) as error:
        print(f"note: {error}", file=sys.stderr)
    return {}


def _write(path, known):
    measured = {key: speed._asdict() for key, speed in known.items()}
    files.write_json(path, {"version": VERSION, "measured": measured})
