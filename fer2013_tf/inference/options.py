"""Options that the commands of prediction share."""

import sys

from fer2013_tf.evaluation import ensembles
from fer2013_tf.faces import alignment, detectors
from fer2013_tf.utils import cli


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
