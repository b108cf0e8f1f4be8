"""Measure how FER2013 crops faces compared with our detector's boxes, and what alignment changes.

python -m benchmarks.alignment                          # about five minutes, on an idle machine
python -m benchmarks.alignment --records tfrecords --images 300

Each 48x48 image of PublicTest is put in the middle of a canvas three times as wide, its edges
repeated, and enlarged four times; then our detector searches it. For each face found: the side of
the image divided by that of the box, and how much higher the image's center is, in sides of the
box. Their medians are SCALE and RISE in fer2013_tf/faces/detectors/blazeface.py. Then the accuracy
of the whole images and of crops by each alignment, of the images unchanged and rotated by 20
degrees to either side. Where no face is found the image itself is classified. PublicTest, as SCALE
and RISE are chosen on it.
"""

import argparse
import statistics
import sys

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.lib import runner
from fer2013_tf.data import records
from fer2013_tf.evaluation import corruptions, metrics
from fer2013_tf.faces import alignment, detectors
from fer2013_tf.utils import cli, constants
from fer2013_tf.utils.errors import UserError

ENLARGED, DEGREES = 4, 20.0
WHOLE = "whole image"


def on_canvas(pixels):
    """Return (PIL image of the canvas, (left, top, side) of the image uint8 [n, n] on it)."""
    side = len(pixels)
    canvas = Image.fromarray(np.pad(pixels, side, mode="edge"))
    enlarged = [ENLARGED * length for length in canvas.size]
    place = (ENLARGED * side,) * 3
    return canvas.resize(enlarged, Image.Resampling.BICUBIC), place


def of_image(found, place):
    """Return the largest face whose center is in the image, or None."""
    left, top, side = place
    inside = [
        face
        for face in found
        if 0 <= _center(face)[0] - left <= side and 0 <= _center(face)[1] - top <= side
    ]
    return max(inside, key=_side, default=None)


def relation(face, place):
    """Return (image's side / box's side, how much higher the image's center is in box's sides)."""
    left, top, side = place
    return side / _side(face), (_center(face)[1] - (top + side / 2)) / _side(face)


def _side(face):
    left, top, right, bottom = face.raw_box
    return max(right - left, bottom - top)


def _center(face):
    left, top, right, bottom = face.raw_box
    return (left + right) / 2, (top + bottom) / 2


def crop_again(images, find):
    """Return (relations of faces found, {alignment: crops uint8 [n, h, w]}, [whether found])."""
    relations, seen = [], []
    crops = {WHOLE: images, **{name: [] for name in alignment.ALIGNMENTS}}
    for pixels in tqdm(images, desc="faces", unit=" image"):
        canvas, place = on_canvas(pixels)
        face = of_image(find(canvas), place)
        seen.append(face is not None)
        if face:
            relations.append(relation(face, place))
        for name, frame in alignment.ALIGNMENTS.items():
            cut = alignment.crop_face(canvas, frame(face), pixels.shape) if face else pixels
            crops[name].append(cut)
    return relations, {name: np.stack(each) for name, each in crops.items()}, seen


def figures(crops, labels, recognizer):
    """Return {alignment: {"accuracy", "ci95"}}."""
    result = {}
    for name, images in crops.items():
        correct = int((recognizer.predict_crops(images)[1].argmax(axis=1) == labels).sum())
        interval = metrics.accuracy_interval(correct, len(labels))
        result[name] = {"accuracy": correct / len(labels), "ci95": list(interval)}
    return result


def measured(args):
    """Return what --json writes."""
    from fer2013_tf.inference.recognizer import Recognizer

    photos = records.RecordSet(args.records).read(constants.PUBLIC_TEST)
    images, labels = photos.images[: args.images], photos.labels[: args.images]
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise UserError(f"{args.records}: images of {images.shape[1:]}; wants square gray ones")
    find = detectors.load(detectors.DEFAULT)
    result = {"n": len(images)}
    with Recognizer(args.run, ckpt=args.ckpt, faces="none", many=True) as recognizer:
        for way, shown in (
            ("unchanged", images),
            (f"rotated by {DEGREES:g} degrees", corruptions.rotate(images, degrees=DEGREES)),
        ):
            relations, crops, seen = crop_again(shown, find)
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
    """Return the result of `measured` as text."""
    lines = [f"{constants.PUBLIC_TEST}, {result['n']} images"]
    for way, row in result.items():
        if way == "n":
            continue
        lines.append(f"{way}: a face found in {100 * row['found']:.2f} %")
        if row["scale"]:
            scale, rise = row["scale"], row["rise"]
            lines.append(f"  side of image / box {scale:.3f}, higher by {rise:.3f} sides of box")
        for name, one in row["accuracy"].items():
            low, high = (100 * end for end in one["ci95"])
            lines.append(f"  {name:<16}{100 * one['accuracy']:7.2f} % ({low:.2f} to {high:.2f})")
    return "\n".join(lines)


def parser():
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.alignment",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    cli.add_folders(result, "records", "ckpt")
    add("--run", default=constants.SHIPPED_NAME, metavar="RUN", help="(default: %(default)s)")
    add("--images", type=int, metavar="N", help="only the first N")
    add("--json", metavar="FILE", help="write the figures")
    add("--plot", metavar="FILE.png", help="plot the figures")
    return result


def run(args):
    """Measure, print and write what `args` (see `parser`) asks for. Return the exit status."""
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
    title = f"{constants.PUBLIC_TEST}, by alignment"
    runner.save(args, result, bars, title=title, unit="accuracy, %")
    return 0


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
