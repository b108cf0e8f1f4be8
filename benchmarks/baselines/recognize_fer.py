"""The `fer` package with the weights it contains and its default detector; see `recognition`."""

import numpy as np

from benchmarks.baselines import recognition

SIDE, BATCH = 64, 256


def load():
    import cv2
    from fer.fer import FER

    detector = FER(mtcnn=False)

    def classify(images):
        # As in `FER.detect_emotions`: faces are resized, then scaled to -1..1.
        resized = np.stack([cv2.resize(image, (SIDE, SIDE)) for image in images])
        fed = (resized.astype(np.float32) / 255 - 0.5) * 2
        return np.concatenate(
            [
                np.asarray(detector._classify_emotions(fed[start : start + BATCH]))
                for start in range(0, len(fed), BATCH)
            ]
        )

    def predict(pixels):
        return len(detector.detect_emotions(pixels[:, :, ::-1]))

    return classify, predict


if __name__ == "__main__":
    recognition.main(load)
