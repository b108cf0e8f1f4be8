"""Class names in their fixed order, their colours, the splits with their official sizes.

The order of `FER2013` is the order of the labels 0..6 in the challenge's CSV files.
"""

import itertools

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

COLOURS = {
    "angry": "#d62728",
    "disgust": "#2ca02c",
    "fear": "#9467bd",
    "happy": "#ffbf00",
    "sad": "#1f77b4",
    "surprise": "#ff7f0e",
    "neutral": "#7f7f7f",
    "contempt": "#8c564b",
}
# FER+ names the same expressions by nouns.
COLOURS |= {
    noun: COLOURS[adjective]
    for noun, adjective in (
        ("anger", "angry"),
        ("happiness", "happy"),
        ("sadness", "sad"),
    )
}

OTHERS = ("#17becf", "#bcbd22", "#e377c2", "#8c6d31", "#637939", "#843c39")


def colours(classes):
    """{class: colour}: the fixed ones of known expressions, others in a row."""
    others = itertools.cycle(OTHERS)
    return {name: COLOURS.get(name) or next(others) for name in classes}


TRAINING, PUBLIC_TEST, PRIVATE_TEST = SPLITS = ("Training", "PublicTest", "PrivateTest")
OFFICIAL_SIZES = {TRAINING: 28709, PUBLIC_TEST: 3589, PRIVATE_TEST: 3589}

PICTURE_SIZE = 48
