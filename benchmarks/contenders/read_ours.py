"""`Recognizer` with the default weights: see `reading`."""

from benchmarks.contenders import reading


def load():
    from fer2013_tf import Recognizer

    recognizer = Recognizer()

    def classify(images):
        return recognizer.answer(images)[1]

    def read(pixels):
        return len(recognizer.predict(pixels))

    return classify, read


if __name__ == "__main__":
    reading.main(load)
