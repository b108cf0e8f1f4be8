"""How FER2013 frames faces beside our detector's boxes, and what framing and levelling change.

python -m benchmarks.framing                            # about five minutes, on an idle machine
python -m benchmarks.framing --records tfrecords --pictures 300

Each 48x48 picture of PublicTest stands, its edges repeated, in the middle of a canvas three times
as wide, enlarged four times, and our detector looks for the face. Of those found: the frame's side
by the box's and how much higher the frame stands, in sides of the box. Their medians are SCALE and
RISE in fer2013_tf/detectors/blazeface.py. Then the accuracy of the whole pictures beside that of
the framings cut out anew, all pictures as they are and turned by 20 degrees to either side; where
no face is found the picture itself is answered. PublicTest, as this is where SCALE and RISE are
chosen.
"""

import argparse
import statistics
import sys

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks import alternate
from fer2013_tf import checkpoints, command, detectors, emotions, faces, harms, metrics, records
from fer2013_tf.errors import UserError

ENLARGED, DEGREES = 4, 20.0
WHOLE = "whole picture"


def on_canvas(pixels):
    """uint8 [n, n] -> (PIL image of the canvas, the picture's (left, top, side) on it)."""
    side = len(pixels)
    canvas = Image.fromarray(np.pad(pixels, side, mode="edge"))
    enlarged = [ENLARGED * length for length in canvas.size]
    place = (ENLARGED * side,) * 3
    return canvas.resize(enlarged, Image.Resampling.BICUBIC), place


def of_picture(found, place):
    """The largest face whose middle is in the picture, or None."""
    left, top, side = place
    inside = [
        face
        for face in found
        if 0 <= _middle(face)[0] - left <= side and 0 <= _middle(face)[1] - top <= side
    ]
    return max(inside, key=_side, default=None)


def relation(face, place):
    """(frame's side by the box's, by how many of the box's sides it stands higher)."""
    left, top, side = place
    return side / _side(face), (_middle(face)[1] - (top + side / 2)) / _side(face)


def _side(face):
    left, top, right, bottom = face.box
    return max(right - left, bottom - top)


def _middle(face):
    left, top, right, bottom = face.box
    return (left + right) / 2, (top + bottom) / 2


def reframed(images, find):
    """(relations of the faces found, {framing: crops uint8 [n, h, w]}, [whether found])."""
    relations, seen = [], []
    crops = {WHOLE: images, **{name: [] for name in faces.FRAMINGS}}
    for pixels in tqdm(images, desc="faces", unit=" picture"):
        canvas, place = on_canvas(pixels)
        face = of_picture(find(canvas), place)
        seen.append(face is not None)
        if face:
            relations.append(relation(face, place))
        for name, frame in faces.FRAMINGS.items():
            cut = faces.cut(canvas, frame(face), pixels.shape) if face else pixels
            crops[name].append(cut)
    return relations, {name: np.stack(each) for name, each in crops.items()}, seen


def figures(crops, labels, recognizer):
    """{framing: {"accuracy", "ci95"}}."""
    result = {}
    for name, images in crops.items():
        right = int((recognizer.answer(images)[1].argmax(axis=1) == labels).sum())
        interval = metrics.accuracy_interval(right, len(labels))
        result[name] = {"accuracy": right / len(labels), "ci95": list(interval)}
    return result


def measured(args):
    """What --json gets."""
    from fer2013_tf.recognizer import Recognizer

    pictures = records.read(args.records, emotions.PUBLIC_TEST)
    images, labels = pictures.images[: args.pictures], pictures.labels[: args.pictures]
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise UserError(f"{args.records}: pictures of {images.shape[1:]}; wants square grey ones")
    find = detectors.load(detectors.DEFAULT)
    result = {"n": len(images)}
    with Recognizer(args.run, ckpt=args.ckpt, faces="none", many=True) as recognizer:
        for way, shown in (
            ("as they are", images),
            (f"turned by {DEGREES:g} degrees", harms.turned(images, degrees=DEGREES)),
        ):
            relations, crops, seen = reframed(shown, find)
            each = zip(*relations) if relations else ((), ())
            scale, rise = (statistics.median(v) if v else None for v in each)
            result[way] = {
                "found": sum(seen) / len(seen),
                "scale": scale,
                "rise": rise,
                "accuracy": figures(crops, labels, recognizer),
            }
    return result


def shown(result):
    """`measured`'s result as text."""
    lines = [f"{emotions.PUBLIC_TEST}, {result['n']} pictures"]
    for way, row in result.items():
        if way == "n":
            continue
        lines.append(f"{way}: a face found in {100 * row['found']:.2f} %")
        if row["scale"]:
            lines.append(
                f"  frame's side by the box's {row['scale']:.3f}, higher by {row['rise']:.3f} sides"
            )
        for name, one in row["accuracy"].items():
            low, high = (100 * end for end in one["ci95"])
            lines.append(f"  {name:<16}{100 * one['accuracy']:7.2f} % ({low:.2f} to {high:.2f})")
    return "\n".join(lines)


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.framing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    command.add_folders(result, records="where make_records wrote", ckpt="where the runs are")
    add("--run", default=checkpoints.SHIPPED_NAME, metavar="NAME", help="(default: %(default)s)")
    add("--pictures", type=int, metavar="N", help="only the first so many")
    add("--json", metavar="FILE", help="write the figures")
    add("--plot", metavar="FILE.png", help="draw them")
    return result


def run(args):
    """Measures, prints and keeps. Returns the exit status."""
    result = measured(args)
    print(shown(result))
    bars = {
        f"{'ours ' * (name != WHOLE)}{name}, {way}": dict(
            zip(("median", "low", "high"), (100 * v for v in (one["accuracy"], *one["ci95"])))
        )
        for way, row in result.items()
        if way != "n"
        for name, one in row["accuracy"].items()
    }
    title = f"{emotions.PUBLIC_TEST}, by framing"
    alternate.keep(args, result, bars, title=title, unit="accuracy, %")
    return 0


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
