"""OpenCV's Haar cascade, the detector of the articles (Viola and Jones 2001): detectMultiScale(1.3,
5).

It finds frontal faces, no eyes; OpenCV 5 has moved it out of its main package, so 4 is installed.
"""

from pathlib import Path

import numpy as np

from fer2013_tf import detectors
from fer2013_tf.faces import Face

NEEDS = ("cv2",)
CASCADE = "haarcascade_frontalface_default.xml"
SCALE_FACTOR, NEIGHBOURS = 1.3, 5


def load():
    """See `detectors.load`."""
    try:
        import cv2

        cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / CASCADE))
    except (ImportError, AttributeError):
        raise detectors.missing("haar", "opencv-python-headless 4") from None

    def find(image, *, closely=True):
        del closely  # It looks at every size anyway.
        boxes = cascade.detectMultiScale(np.asarray(image.convert("L")), SCALE_FACTOR, NEIGHBOURS)
        found = [Face((float(x), float(y), float(x + w), float(y + h))) for x, y, w, h in boxes]
        return sorted(found, key=lambda face: face.box)

    return find
