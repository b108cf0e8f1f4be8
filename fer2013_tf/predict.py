"""Predict expressions of faces in images, a video, the camera: `python -m fer2013_tf.predict`."""

import argparse
import os
import sys
from pathlib import Path

from fer2013_tf.faces import detectors, tracking
from fer2013_tf.inference import options
from fer2013_tf.inference.recognizer import Recognizer
from fer2013_tf.utils import cli, devices
from fer2013_tf.utils.errors import UserError

SAMPLE = Path(__file__).parent / "samples" / "astronaut.jpg"
RENAMED = {"--sheet": "--overview", "--out": "--annotate"}
IMAGE_OUTPUTS = ("json", "csv", "annotate", "overview", "explain")
VIDEO_OUTPUTS = ("json", "csv", "annotate", "timeline")
EXAMPLES = """\
examples:
  python -m fer2013_tf.predict                                 a sample photograph
  python -m fer2013_tf.predict people.jpg                      every face in it
  python -m fer2013_tf.predict holiday/ --annotate out --csv faces.csv
  find . -name "*.jpg" | python -m fer2013_tf.predict - --json faces.jsonl
  python -m fer2013_tf.predict face.png --faces none           the image is a cropped face
  python -m fer2013_tf.predict people.jpg --overview overview.png --explain inside
  python -m fer2013_tf.predict people.jpg --run lenet --ensemble last5 --tta flip
  python -m fer2013_tf.predict people.jpg --run new --compare old --overview both.png
  python -m fer2013_tf.predict --records tfrecords --rows 17,205     images of the set itself
  python -m fer2013_tf.predict --video video.mp4 --annotate annotated.mp4 --timeline timeline.png
  python -m fer2013_tf.predict --video 0                       the camera, in a window; q ends it

Scores are the net's outputs before the softmax. Probabilities are calibrated on PublicTest
(docs/calibration.md). What predictions must not be used for: docs/model-card.md.
"""


def parser():
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.predict",
        description="Find the faces in images or a video and print the expression of each.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "images",
        metavar="IMAGE",
        nargs="*",
        help="files, folders, patterns; - reads names from standard input (default: a sample "
        "photograph)",
    )
    cli.add_rows(result, "none, IMAGE is read")
    cli.add_folders(result, records="with --rows")
    weights = result.add_argument_group("weights")
    cli.add_model_options(weights)
    weights.add_argument(
        "--compare",
        metavar="RUN[:WHICH]",
        help="predict the same faces with this run too; all outputs of images but --annotate and "
        "--explain have both, --overview side by side",
    )
    weights.add_argument(
        "--precision",
        choices=devices.PRECISIONS,
        default="float32",
        help="number format; bfloat16 takes 40 %% less time for many faces on CPUs that have it; "
        "probabilities change by 0.002 on average, at most by about 0.05 (default: %(default)s)",
    )
    _add_faces(result.add_argument_group("faces"))
    _add_outputs(result.add_argument_group("outputs"))
    _add_video(result.add_argument_group("video and camera"))
    cli.renamed(result, RENAMED)
    return result


def _add_faces(group):
    add = group.add_argument
    add(
        "--faces",
        choices=options.FACES_CHOICES,
        help="detect: find them; center: take the center square of each image; none: take each "
        "image as a face (default: detect)",
    )
    options.add_face_options(group)
    add(
        "--min-confidence",
        type=float,
        metavar="P",
        default=0.0,
        help='0 to 1: call less confident predictions "uncertain" (default: %(default)s)',
    )


def _add_outputs(group):
    add = group.add_argument
    add(
        "--json",
        metavar="FILE",
        help="write the results as JSON; an object per face (of a video per face and frame): to "
        "FILE.jsonl one per line, to FILE.json as an array, to - (standard output) one per line",
    )
    add(
        "--csv",
        metavar="FILE",
        help="write a row per face (of a video per face and frame); what has no face gets a row "
        "that says why",
    )
    add(
        "--annotate",
        metavar="DIR|FILE.mp4",
        help="write the images with boxes, labels and bars into DIR; the video to FILE.mp4",
    )
    add("--overview", metavar="FILE.png", help="write one figure of images, crops and bars")
    add(
        "--explain",
        metavar="DIR",
        help="write a figure per face: its Grad-CAM map and the feature maps of the layers",
    )
    cli.add_overwrite(group)


def _add_video(group):
    add = group.add_argument
    add(
        "--video",
        metavar="FILE|URL|N",
        help="read a video, a stream (rtsp://..., http://...), or camera N (0 is the first)",
    )
    add(
        "--timeline",
        metavar="FILE.png",
        help="plot the probabilities over time, a panel per track",
    )
    add(
        "--smooth",
        choices=sorted(tracking.SMOOTHERS),
        default="mode",
        help="smooth the probabilities per track; exponential: running mean; mode: the most "
        "frequent class of the last 10 frames; none: each frame's own (default: %(default)s)",
    )
    add("--no-window", action="store_true", help="do not show the camera; Ctrl-C ends it")


def run(args):
    """Predict images or a video."""
    _check(args)
    if args.video is not None:
        return _run_video(args)
    from fer2013_tf.evaluation import ensembles
    from fer2013_tf.inference import image_prediction

    outputs = {name: getattr(args, name) for name in IMAGE_OUTPUTS}
    # Names on standard input may take long to come.
    image_prediction.check_outputs([], overwrite=True, **outputs)
    names, images = _record_images(args) if args.rows else (_image_names(args.images), None)
    read = {"inputs": args.images, "overwrite": args.overwrite}
    image_prediction.check_outputs(names, **read, **outputs)
    many = len(names) > ensembles.FEW
    made = recognizer(args, many=many)
    other = _compared(args, many=many) if args.compare else None
    image_prediction.run(made, names, images=images, other=other, **outputs)


def _run_video(args):
    from fer2013_tf.inference import video_prediction

    outputs = {name: getattr(args, name) for name in VIDEO_OUTPUTS}
    video_prediction.check_outputs(args.video, overwrite=args.overwrite, **outputs)
    how = {"smoothing": args.smooth, "window": not args.no_window}
    video_prediction.run(args.video, lambda: recognizer(args, many=False), **how, **outputs)


def _record_images(args):
    """Return (names, images) of --rows, and say on stderr what each is."""
    from fer2013_tf.inference import record_images

    names, images, described = record_images.read(args.records, args.rows)
    print(*map(cli.printable, described), sep="\n", file=sys.stderr)
    return names, images


def _image_names(images):
    """Return the files to be read. Raises UserError, before weights are loaded, if none exists."""
    from fer2013_tf.faces import image_files

    if not images:
        hint = "name your own: python -m fer2013_tf.predict people.jpg"
        print(f"no image named, the sample photograph is read; {hint}", file=sys.stderr)
        return [str(SAMPLE)]
    names = list(image_files.expand(images))
    if not names:
        raise UserError("-: no names came from standard input")
    if not any(map(os.path.exists, names)):
        more = f" (nor any of the other {len(names) - 1})" if len(names) > 1 else ""
        raise UserError(f"{names[0]}: no such file{more}")
    return names


def recognizer(args, *, many):
    """Return the Recognizer that the options ask for."""
    if args.faces is None and not args.rows and not detectors.installed(args.detector):
        print(
            "note: the face detector is not installed, the center square of each image is taken; "
            f"to have it: {detectors.how_to_install(args.detector)}",
            file=sys.stderr,
        )
    return _made(args, options.chosen_run(args), args.ensemble, many=many)


def _compared(args, *, many):
    """Return the Recognizer of --compare, alike in all but the weights."""
    return _made(args, args.compare, None, many=many)


def _made(args, run, ensemble, *, many):
    made = Recognizer(
        run,
        ckpt=args.ckpt,
        ensemble=ensemble,
        tta=args.tta,
        # Images of records are faces.
        faces=args.faces or ("none" if args.rows else None),
        detector=args.detector,
        alignment=args.alignment,
        min_confidence=args.min_confidence,
        precision=args.precision,
        many=many,
    )
    return options.say_calibration(made)


def _check(args):
    options.check(options.spelled, min_confidence=args.min_confidence)
    if args.rows and (args.images or args.video is not None):
        given = args.images[0] if args.images else "--video"
        raise UserError(f"--rows: reads images of records, no others ({given})")
    if not args.rows and args.records != cli.FOLDERS["records"][0]:
        raise UserError(f"--records {args.records}: only with --rows")
    if args.video is None:
        for option in ("timeline", "no_window"):
            if getattr(args, option):
                raise UserError(f"--{option.replace('_', '-')}: only with --video")
        return
    if args.images:
        raise UserError(f"--video: reads one video, no images ({args.images[0]})")
    for option in ("overview", "explain", "compare"):
        if getattr(args, option):
            raise UserError(f"--{option}: only for images; for a video use --annotate, --timeline")


def main(argv=None):
    """Run the command. Return its exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
