"""`Recognizer` with the shipped weights; see `recognition`."""

from benchmarks.baselines import recognition


def load():
    from fer2013_tf import Recognizer

    recognizer = Recognizer()

    def classify(images):
        return recognizer.predict_crops(images)[1]

    def predict(pixels):
        return len(recognizer.predict(pixels))

    return classify, predict


if __name__ == "__main__":
    recognition.main(load)
