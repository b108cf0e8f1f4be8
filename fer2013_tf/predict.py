"""The command that reads the expression off pictures: `python -m fer2013_tf.predict`."""

import argparse
import json
import sys

from fer2013_tf import checkpoints, command, devices
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.predict face.jpg
  python -m fer2013_tf.predict *.png --run lenet
  python -m fer2013_tf.predict face.jpg --json

The middle square of each picture is taken, so let the face fill it. Scores are the net's outputs
before the softmax, larger is likelier. With --json: one line a picture.
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.predict",
        description="Print class scores and probabilities of the expression in each picture.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("pictures", metavar="PICTURE", nargs="+", help="picture files")
    add(
        "--run",
        metavar="NAME",
        default=checkpoints.SHIPPED_NAME,
        help="run under --ckpt whose best checkpoint answers (default: the shipped weights)",
    )
    command.add_folders(result, ckpt="where the runs are")
    add("--json", action="store_true", help="one JSON object a line")
    add(
        "--precision",
        choices=devices.PRECISIONS,
        default="float32",
        help="bfloat16 takes 40 %% less time for many pictures on CPUs that have it; probabilities "
        "move by 0.002 on average, at times by 0.05 (default: %(default)s)",
    )
    return result


def run(args):
    """Answers for each picture; bad ones are listed last. Returns the exit status."""
    from fer2013_tf import evaluation, faces

    (member,) = evaluation.find_members(args.ckpt, args.run, "best")
    precision, _ = devices.choose_precision(args.precision)
    crops, names, bad = [], [], []
    for name in args.pictures:
        try:
            picture = faces.open_picture(name)
            crops.append(faces.centre_crop(picture.image, member.data["size"]))
            names.append(name)
            if picture.note:
                print(f"note: {command.printable(picture.note)}", file=sys.stderr)
        except UserError as error:
            bad.append(str(error))
    if crops:
        _answer(member, crops, names, precision=precision, as_json=args.json)
    if bad:
        raise UserError(f"{len(bad)} of {len(args.pictures)} pictures not read", bad)
    return 0


def _answer(member, crops, names, *, precision, as_json):
    import numpy as np

    from fer2013_tf import evaluation

    crops = np.stack(crops)
    (logits,) = evaluation.answers([member], crops, kind="logits", precision=precision)
    logits = logits.astype(np.float64)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    for name, scores, chances in zip(names, logits, probabilities):
        print(
            _line(name, member, scores, chances)
            if as_json
            else _text(name, member, scores, chances)
        )


def _line(name, member, scores, chances):
    classes = member.data["classes"]
    return json.dumps(
        {
            "picture": name,
            "expression": classes[int(chances.argmax())],
            "probabilities": {c: round(float(p), 6) for c, p in zip(classes, chances)},
            "scores": {c: round(float(s), 4) for c, s in zip(classes, scores)},
            "weights": member.name,
        }
    )


def _text(name, member, scores, chances):
    classes = [c.capitalize() for c in member.data["classes"]]
    best = int(chances.argmax())
    columns = [max(len(c), 7) + 2 for c in classes]
    rows = [
        ("", [c.rjust(w) for c, w in zip(classes, columns)]),
        ("score", [f"{s:.2f}".rjust(w) for s, w in zip(scores, columns)]),
        ("probability", [f"{100 * p:.1f} %".rjust(w) for p, w in zip(chances, columns)]),
    ]
    lines = [f"  {title:<11}{''.join(cells)}" for title, cells in rows]
    answer = f"{command.printable(name)}: {classes[best]} ({100 * chances[best]:.1f} %)"
    return "\n".join([answer, *lines])


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
