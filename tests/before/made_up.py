"""What the makers of these files and their test share: made-up pictures and votes, the machine.

Whole numbers only, drawn by numpy's RandomState, whose streams never change: the same files come
out everywhere, and the sha256 of the CSV, by which a run knows its records, with them.
"""

import os
import platform
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

COUNTS = {"Training": 48, "PublicTest": 17, "PrivateTest": 15}
SIDE = 48
VOTED = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
VOTED += ("contempt", "unknown", "NF")
# Records, runs and packed weights as b4955ce wrote them. In one archive, so that nobody takes the
# records of made-up images for records of FER2013, which never go into the repository.
FILES = Path(__file__).parent / "files.tar.gz"


def unpack(folder):
    """Unpack records/, voted/, ckpt/ and weights/ to a folder."""
    with tarfile.open(FILES) as archive:
        archive.extractall(folder, filter="data")


def picture(draw, label, side=SIDE):
    """Stripes, as wide and as steep as the label says, under noise: learnable, but not at once."""
    rows, columns = np.mgrid[:side, :side]
    stripes = (columns * (2 + label % 3) + rows * (label // 3)) // (5 + label) % 2
    light = 60 + draw.randint(0, 60) + 50 * stripes + rows * draw.randint(0, 2)
    return np.clip(light + draw.randint(-25, 26, (side, side)), 0, 255).astype(np.uint8)


def write_csv(path):
    """A file like fer2013.csv."""
    draw = np.random.RandomState(2013)
    lines = ["emotion,pixels,Usage"]
    for split, count in COUNTS.items():
        for number in range(count):
            label = number % 7
            pixels = " ".join(map(str, picture(draw, label).ravel()))
            lines.append(f"{label},{pixels},{split}")
    Path(path).write_bytes("\n".join([*lines, ""]).encode())


def write_votes(path):
    """A file like fer2013new.csv: ten votes a row, most of them for two of the columns."""
    draw = np.random.RandomState(2016)
    lines = [",".join(["Usage", "Image name", *VOTED])]
    for split, count in COUNTS.items():
        for number in range(count):
            first, second, third = draw.permutation(len(VOTED) - 2)[:3]
            votes = [0] * len(VOTED)
            led = draw.randint(4, 9)
            votes[first], votes[second] = led, (10 - led + 1) // 2
            votes[third] = 10 - led - votes[second]
            lines.append(",".join(map(str, [split, f"fer{number:07}.png", *votes])))
    Path(path).write_bytes("\n".join([*lines, ""]).encode())


def write_png(path):
    """A picture that has to be shrunk before a net is fed with it."""
    Image.fromarray(picture(np.random.RandomState(7), 3, side=60)).save(path)


def machine():
    """What the last bits of a result hang on, besides the program."""
    import tensorflow

    # On another number of cores sums are parted otherwise.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    return {"cpu": _cpu(), "cores": cores, "tensorflow": tensorflow.__version__}


def _cpu():
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    entries = {}
    for line in info.read_text().splitlines():
        key, _, value = line.partition(":")
        entries.setdefault(key.strip(), value.strip())
    # The name alone is that of several generations on rented machines.
    words = [entries.get(key, "?") for key in ("model name", "cpu family", "model")]
    bfloat16 = "avx512_bf16" in entries.get("flags", "").split()
    return f"{' / '.join(words)} / avx512_bf16 {bfloat16}"


def newest(folder):
    """{variable: array} of a run's newest checkpoint, read by TensorFlow itself."""
    import tensorflow.compat.v1 as tf

    steps = [int(path.stem.rpartition("-")[2]) for path in Path(folder).glob("model.ckpt-*.index")]
    reader = tf.train.NewCheckpointReader(str(Path(folder) / f"model.ckpt-{max(steps)}"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
