"""A detector of ours: blazeface or haar."""

from benchmarks.baselines import detection


def load(name):
    from fer2013_tf.faces import detectors

    find = detectors.load(name)
    return lambda image: [face.raw_box for face in find(image)]


if __name__ == "__main__":
    detection.main(load)
