"""CSV files of random images, plain and packed, shared by the tests of the readers."""

import io
import tarfile
import zipfile

import numpy as np
from hypothesis import HealthCheck, settings

from fer2013_tf.data import readers
from fer2013_tf.utils import constants

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=200)
HEADER = "emotion,pixels,Usage"


def pixels_of(seed):
    return np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8)


def text_of(pixels):
    return " ".join(map(str, pixels.ravel().tolist()))


def row_of(seed, label=None, split=None):
    label = seed % 7 if label is None else label
    split = constants.SPLITS[seed % 3] if split is None else split
    return f"{label},{text_of(pixels_of(seed))},{split}"


def csv_of(count=9, header=HEADER):
    return "\n".join([header, *map(row_of, range(count))]).encode() + b"\n"


def image_of(seed, row):
    return pixels_of(seed), seed % 7, constants.SPLITS[seed % 3], row


def read(path, **options):
    return list(readers.open_source(path, **options).examples())


def plain(image):
    """Return what two images are compared by: all but the name of their file."""
    return (image.pixels.tobytes(), image.label, image.split, image.row)


def written(folder, name, data):
    (folder / name).write_bytes(data)
    return folder / name


def tar_of(members, mode):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def zip_of(members, method=zipfile.ZIP_DEFLATED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()
