"""mtcnn, with its default settings, on TensorFlow."""

import numpy as np

from benchmarks.baselines import detection


def load():
    from mtcnn import MTCNN

    detector = MTCNN()

    def find(image):
        found = detector.detect_faces(np.asarray(image)) or []
        return [detection.corners(*face["box"]) for face in found]

    return find


if __name__ == "__main__":
    detection.main(load)
