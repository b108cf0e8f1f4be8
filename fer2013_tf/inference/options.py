"""The options of prediction: for the command line, and checked in one place for all who take them.

options.check(tta="flip", min_confidence=0.5)           # of a Recognizer
options.check(options.spelled, min_confidence=60)       # of a command: --min-confidence
"""

import math
import numbers
import os
import sys

from fer2013_tf.evaluation import ensembles
from fer2013_tf.faces import alignment, detectors
from fer2013_tf.utils import cli, constants, devices
from fer2013_tf.utils.errors import UserError

# Where the faces are: found by a detector; the center square of each image; the image itself.
FACES_CHOICES = ("detect", "center", "none")


def check(spelling=str, **values):
    """Raise UserError for the first of the values that a `Recognizer` cannot take.

    values: by the names of its arguments. spelling: name -> how errors call it.
    """
    for name, value in values.items():
        if problem := _CHECKS[name](value):
            raise UserError(f"{spelling(name)} {value!r}: {problem}")


def spelled(name):
    """Return an argument's name as the option of the commands."""
    return f"--{name.replace('_', '-')}"


def _one_of(names):
    def problem(value):
        known = names()
        if not isinstance(value, str) or value not in known:
            return f"not known; known: {', '.join(known)}"

    return problem


def _or_none(check_value):
    return lambda value: None if value is None else check_value(value)


def _text(value):
    if not isinstance(value, str) or not value.strip():
        return "give a name, such as those that `python -m fer2013_tf.runs` lists"


def _ensemble(value):
    if not isinstance(value, str) or not value.strip():
        return "give text such as 'last5', 'best' or '11200,12320'"


def _folder(value):
    if not isinstance(value, (str, os.PathLike)):
        return "give the name of a folder"


def _flag(value):
    if not isinstance(value, bool):
        return "give True or False"


def _probability(value):
    # NumPy's numbers count, True and False do not.
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if number and 0 <= value <= 1:
        return None
    hint = ""
    if number and 1 < value <= 100 and math.isfinite(value):
        hint = f"; {value:g} percent is {value / 100:g}"
    return f"give a number from 0 to 1{hint}"


_CHECKS = {
    "run": _text,
    "ckpt": _folder,
    "ensemble": _or_none(_ensemble),
    "tta": _one_of(lambda: constants.TTA_CHOICES),
    "faces": _or_none(_one_of(lambda: FACES_CHOICES)),
    "detector": _one_of(detectors.names),
    "alignment": _one_of(lambda: sorted(alignment.ALIGNMENTS)),
    "min_confidence": _probability,
    "precision": _one_of(lambda: devices.PRECISIONS),
    "many": _flag,
}


def add_face_options(parser):
    """Add --detector and --alignment, and errors for the names that they had."""
    add = parser.add_argument
    add(
        "--detector",
        choices=detectors.names(),
        default=detectors.DEFAULT,
        help="face detector; haar needs OpenCV (default: %(default)s)",
    )
    add(
        "--alignment",
        choices=sorted(alignment.ALIGNMENTS),
        default="aligned",
        help="aligned: the square that FER2013 shows of a face, rotated until the eyes are level; "
        "eyes: placed by the eyes alone, as in Yunwei 2025; upright: the square, not rotated "
        "(default: %(default)s)",
    )
    cli.renamed(parser, {"--framing": "--alignment"})


def chosen_run(args):
    """Return the run that --run names, else the default one, which is said on stderr."""
    name, why = ensembles.choose_run(args.ckpt, args.run)
    names_a_run = ":" in (args.ensemble or "").split(",")[0]
    if not args.run and not names_a_run:
        print(f"weights: {name} ({why})", file=sys.stderr)
    return name


def say_calibration(recognizer):
    """Say on stderr which classes are left out, and where the probabilities are not calibrated.

    Returns the recognizer.
    """
    if left_out := ensembles.classes_note(recognizer.members):
        print(f"note: {left_out}", file=sys.stderr)
    if not recognizer.calibrated:
        print(f"note: {recognizer.calibration_note}", file=sys.stderr)
    return recognizer
