"""A detector of ours: blazeface or haar."""

from benchmarks.contenders import finding


def load(name):
    from fer2013_tf import detectors

    find = detectors.load(name)
    return lambda image: [face.box for face in find(image)]


if __name__ == "__main__":
    finding.main(load)
