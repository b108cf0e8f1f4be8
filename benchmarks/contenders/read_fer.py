"""The `fer` package with its shipped weights and its default detector: see `reading`."""

import numpy as np

from benchmarks.contenders import reading

SIDE, BATCH = 64, 256


def load():
    import cv2
    from fer.fer import FER

    detector = FER(mtcnn=False)

    def classify(images):
        # As `FER.detect_emotions` makes a face's pixels: resized, then -1..1.
        resized = np.stack([cv2.resize(image, (SIDE, SIDE)) for image in images])
        fed = (resized.astype(np.float32) / 255 - 0.5) * 2
        return np.concatenate(
            [
                np.asarray(detector._classify_emotions(fed[start : start + BATCH]))
                for start in range(0, len(fed), BATCH)
            ]
        )

    def read(pixels):
        return len(detector.detect_emotions(pixels[:, :, ::-1]))

    return classify, read


if __name__ == "__main__":
    reading.main(load)
