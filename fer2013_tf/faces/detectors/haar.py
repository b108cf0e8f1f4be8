"""OpenCV's Haar cascade (Viola and Jones 2001), detectMultiScale(1.3, 5) as in Yunwei 2025.

It finds frontal faces, no eyes. OpenCV 5 no longer has it in its main package; install OpenCV 4.
"""

from pathlib import Path

import numpy as np

from fer2013_tf.faces import detectors
from fer2013_tf.faces.alignment import Face

MODULES = ("cv2",)
INSTALL = 'pip install "opencv-python-headless<5", or in the clone: pip install -e ".[haar]"'
CASCADE = "haarcascade_frontalface_default.xml"
SCALE_FACTOR, MIN_NEIGHBORS = 1.3, 5


def load():
    """Return the function `detect`, see `detectors.load`."""
    try:
        import cv2

        cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / CASCADE))
    except (ImportError, AttributeError):
        raise detectors.missing("haar") from None

    def detect(image, *, search_tiles=True):
        del search_tiles  # It searches all sizes anyway.
        gray = np.asarray(image.convert("L"))
        boxes = cascade.detectMultiScale(gray, SCALE_FACTOR, MIN_NEIGHBORS)
        found = [Face((float(x), float(y), float(x + w), float(y + h))) for x, y, w, h in boxes]
        return sorted(found, key=lambda face: face.box)

    return detect
