"""Names and sizes that several packages share.

The order of `FER2013` is the order of the labels 0..6 in the challenge's CSV files.
"""

FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FERPLUS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)
# Nouns of FER+ and of other sets -> FER2013's names.
SYNONYMS = {
    "anger": "angry",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "disgusted": "disgust",
    "fearful": "fear",
}
IMAGE_SIZE = 48  # pixels per side

TRAINING, PUBLIC_TEST, PRIVATE_TEST = SPLITS = ("Training", "PublicTest", "PrivateTest")
OFFICIAL_SIZES = {TRAINING: 28709, PUBLIC_TEST: 3589, PRIVATE_TEST: 3589}

# Kinds of kernels, by which recipes say where weight decay applies.
CONV, DENSE, OUTPUT = WEIGHT_KINDS = ("conv", "dense", "output")

# Test-time augmentation: of the face alone, or averaged with its mirror image.
TTA_CHOICES = ("none", "flip")

# What --run calls the weights that come with the package.
SHIPPED_NAME = "shipped"


def expression(name):
    """Return the expression that a class name means, in FER2013's words: "Anger" is "angry"."""
    plain = name.strip().casefold()
    return SYNONYMS.get(plain, plain)
