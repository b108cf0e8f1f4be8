"""The command that reads expressions off pictures, films and the camera:
`python -m fer2013_tf.predict`."""

import argparse
import sys
from pathlib import Path

from fer2013_tf import command, detectors, devices, tracking
from fer2013_tf.errors import UserError
from fer2013_tf.recognizer import HOW, Recognizer, add_detector, add_weights

EXAMPLES = """\
examples:
  python -m fer2013_tf.predict people.jpg                      every face in it
  python -m fer2013_tf.predict holiday/ --annotate out --csv faces.csv
  find . -name "*.jpg" | python -m fer2013_tf.predict - --json > faces.jsonl
  python -m fer2013_tf.predict face.png --faces none           the picture is a cropped face
  python -m fer2013_tf.predict people.jpg --sheet sheet.png --explain inside
  python -m fer2013_tf.predict people.jpg --run lenet --ensemble last5 --tta flip
  python -m fer2013_tf.predict --video film.mp4 --out read.mp4 --csv film.csv --timeline film.png
  python -m fer2013_tf.predict --video 0                       the camera, in a window; q ends it

Scores are the net's outputs before the softmax, larger is likelier. Probabilities are calibrated
on PublicTest (docs/faces.md). What not to use them for: docs/model-card.md.
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.predict",
        description="Find the faces in pictures or a film and print the expression of each.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "pictures",
        metavar="PICTURE",
        nargs="*",
        help="files, folders, patterns; - reads names from standard input",
    )
    who = result.add_argument_group("who answers")
    add_weights(who)
    who.add_argument(
        "--precision",
        choices=devices.PRECISIONS,
        default="float32",
        help="bfloat16 takes 40 %% less time for many faces on CPUs that have it; probabilities "
        "move by 0.002 on average, at times by 0.05 (default: %(default)s)",
    )
    _add_faces(result.add_argument_group("faces"))
    _add_outputs(result.add_argument_group("what is written"))
    _add_video(result.add_argument_group("film and camera"))
    return result


def _add_faces(group):
    add = group.add_argument
    add(
        "--faces",
        choices=HOW,
        help="find them; take the middle square of each picture; take each picture as a face "
        "(default: detect where the extra [faces] is installed, else centre)",
    )
    add_detector(group)
    add(
        "--min-confidence",
        type=float,
        metavar="P",
        default=0.0,
        help='0 to 1: readings less sure than this are "uncertain" (default: %(default)s)',
    )


def _add_outputs(group):
    add = group.add_argument
    add("--json", action="store_true", help="one JSON object a face, a line each")
    add("--csv", metavar="FILE", help="write a row a face; of a film a row a face and frame")
    add("--annotate", metavar="DIR", help="write the pictures with boxes, labels and bars")
    add("--sheet", metavar="FILE.png", help="write a contact sheet: pictures, crops, bars")
    add(
        "--explain",
        metavar="DIR",
        help="write a figure a face: what the layers make of it, and where the answer comes from",
    )


def _add_video(group):
    add = group.add_argument
    add("--video", metavar="FILE|N", help="read a film, or camera N (0 is the first)")
    add("--out", metavar="FILE.mp4", help="write the film with what was read drawn in")
    add("--timeline", metavar="FILE.png", help="draw the probabilities over time, a panel a person")
    add(
        "--smooth",
        choices=sorted(tracking.SMOOTHERS),
        default="mode",
        help="what is shown of a person: the commonest of the last 10 answers, a running mean, or "
        "each frame's own (default: %(default)s)",
    )
    add("--no-window", action="store_true", help="of the camera show nothing; Ctrl-C ends it")


def run(args):
    """Answers for pictures or a film. Returns the exit status."""
    _check(args)
    if args.video is not None:
        from fer2013_tf import reading_video

        return reading_video.run(args, lambda: recognizer(args, many=False))
    from fer2013_tf import evaluation, pictures, reading_pictures

    names = list(pictures.expand(args.pictures))
    if not names:
        raise UserError("-: no names came from standard input")
    reading_pictures.check_outputs(args)
    if not any(Path(name).exists() for name in names):
        # Before seconds are spent on loading what is to read them.
        more = f" (nor any of the other {len(names) - 1})" if len(names) > 1 else ""
        raise UserError(f"{names[0]}: no such file{more}")
    return reading_pictures.run(args, names, recognizer(args, many=len(names) > evaluation.FEW))


def recognizer(args, *, many):
    """What the options ask for; says so where faces cannot be found."""
    if args.faces is None and not detectors.installed(args.detector):
        print(
            "note: no face detector is installed, the middle square of each picture is taken; "
            f"to have one: {detectors.EXTRA}",
            file=sys.stderr,
        )
    precision, _ = devices.choose_precision(args.precision)
    return Recognizer(
        args.run,
        ckpt=args.ckpt,
        ensemble=args.ensemble,
        tta=args.tta,
        faces=args.faces,
        detector=args.detector,
        framing=args.framing,
        min_confidence=args.min_confidence,
        precision=precision,
        many=many,
    )


def _check(args):
    if not 0 <= args.min_confidence <= 1:
        raise UserError(f"--min-confidence {args.min_confidence}: give 0 to 1")
    if args.video is None:
        if not args.pictures:
            raise UserError("no pictures: name files, folders or patterns, or a film with --video")
        for option in ("out", "timeline", "no_window"):
            if getattr(args, option):
                raise UserError(f"--{option.replace('_', '-')}: only with --video")
        return
    if args.pictures:
        raise UserError(f"--video: reads one film, no pictures ({args.pictures[0]})")
    for option in ("annotate", "sheet", "explain"):
        if getattr(args, option):
            raise UserError(f"--{option}: only for pictures; of a film there are --out, --timeline")


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
