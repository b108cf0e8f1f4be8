"""dlib's histograms of gradients, enlarged once, as its own example has it."""

import numpy as np

from benchmarks.baselines import detection


def load():
    import dlib

    detector = dlib.get_frontal_face_detector()

    def find(image):
        found = detector(np.asarray(image), 1)
        return [(face.left(), face.top(), face.right() + 1, face.bottom() + 1) for face in found]

    return find


if __name__ == "__main__":
    detection.main(load)
