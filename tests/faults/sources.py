"""Data sets as they lie about: names of splits, links, archives, folders of other formats.

Each is read as a person would, or refused in one line that names what was found; test images are
never trained on, and what changes the records makes them again.
"""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests.faults import harness
from tests.faults.harness import Case

# What stands beside each other in the wild -> the splits, in this order; None: refused.
SPLITS = {
    ("Training", "Testing"): ("Training", "PrivateTest"),
    ("train_set", "test_set"): ("Training", "PrivateTest"),
    ("1_train", "2_test"): ("Training", "PrivateTest"),
    ("train", "eval"): ("Training", "PrivateTest"),
    ("train", "test", "dev"): ("Training", "PrivateTest", "PublicTest"),
    ("FER2013Train", "FER2013Valid", "FER2013Test"): ("Training", "PublicTest", "PrivateTest"),
    ("seg_train", "seg_test"): ("Training", "PrivateTest"),
    ("Train (1)", "held-out"): ("Training", "PrivateTest"),
    ("rafTrainImages", "raf.test"): ("Training", "PrivateTest"),
    ("train", "extra"): None,
    ("test", "seg_pred"): None,
    ("train", "angry"): None,
}
CLASSES = ("angry", "happy")
EACH = 10


def cases(scratch, share=1.0):
    """Yield a `Case` per data set."""
    for number, (folders, splits) in enumerate(SPLITS.items()):
        yield _split_case(scratch / f"splits-{number}", folders, splits)
    yield from _made_again(scratch / "again")
    yield from _archives(scratch / "archives")
    yield from _folders(scratch / "folders")
    yield from _links(scratch / "links")


def image(path, seed):
    """Write an image of random pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def tree(root, folders=("train", "test")):
    """Write a tree of images; return its root."""
    names = [f"{f}/{c}/{n}.png" for f in folders for c in CLASSES for n in range(EACH)]
    for seed, name in enumerate(names):
        image(root / name, seed)
    return root


def made(source, out, *more):
    """Run make_records. Return (how it ended, its manifest or None)."""
    ended = harness.run(["fer2013_tf.make_records", source, "--out", out, *more])
    manifest = out / "manifest.json"
    return ended, json.loads(manifest.read_text()) if manifest.exists() else None


def sizes(manifest):
    """Return {split: number of images}."""
    return {split: sum(counts.values()) for split, counts in manifest["counts"].items()}


def _split_case(scratch, folders, splits):
    name = f"splits: {', '.join(folders)}"
    ended, manifest = made(tree(scratch / "tree", folders), scratch / "out")
    if splits is None:
        verdict = harness.judged(ended, folders[1])
        return Case(name, verdict if "--split-names" in ended.err else "names no option")
    wanted = dict.fromkeys(("Training", "PublicTest", "PrivateTest"), 0)
    for split in splits:
        wanted[split] += EACH * len(CLASSES)
    if "PublicTest" not in splits:
        wanted["PublicTest"], wanted["Training"] = 2, wanted["Training"] - 2
    if ended.status or sizes(manifest) != wanted:
        return Case(name, f"status {ended.status}: {manifest and sizes(manifest)}")
    first = ended.out.splitlines()[0]
    told = all(f"{f} -> {s}" in first for f, s in zip(folders, splits))
    return Case(name, "went on" if told else f"first line: {first}")


def _made_again(scratch):
    root, out, png = tree(scratch / "tree"), scratch / "out", scratch / "png"
    made(root, out, "--images", png, "--classes", "angry,happy")

    def again(name, *more, wanted, check):
        ended, manifest = made(root, out, *more)
        already = "made from this source already" in ended.out
        fits = ended.status == 0 and already != wanted and check(manifest)
        return Case(f"again: {name}", "went on" if fits else f"already: {already}, {ended.err}")

    same = ["--images", png, "--classes", "angry,happy"]
    yield again("nothing changed", *same, wanted=False, check=bool)
    lost = sorted(png.rglob("*.png"))[3]
    lost.unlink()
    yield again("an image deleted", *same, wanted=True, check=lambda _: lost.exists())
    lost.write_bytes(lost.read_bytes()[:50])
    is_whole = lambda _: lost.stat().st_size > 50  # noqa: E731
    yield again("an image cut off", *same, wanted=True, check=is_whole)
    other = ["--classes", "happy,angry"]
    in_order = lambda m: m["classes"] == ["happy", "angry"]  # noqa: E731
    yield again("another order of classes", *other, wanted=True, check=in_order)
    left_out = lambda m: sizes(m)["PrivateTest"] == 0  # noqa: E731
    more = [*other, "--split-names", "test=none"]
    yield again("a split left out", *more, wanted=True, check=left_out)


def packed(path, root, prefix=""):
    """Write a zip or a tar of a folder's files."""
    members = {prefix + p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, file in members.items():
                archive.write(file, name)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:].replace('tar', '')}") as archive:
            for name, file in members.items():
                archive.add(file, name)
    return path


def _archives(scratch):
    root = tree(scratch / "tree")
    _, wanted = made(root, scratch / "plain")
    for name in ("a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"):
        ended, manifest = made(packed(scratch / name, root, "fer/"), scratch / f"out-{name}")
        same = ended.status == 0 and manifest["counts"] == wanted["counts"]
        yield Case(f"archive: {name} of a tree", "went on" if same else ended.err[-300:])
    (root / "list.txt").write_text("")
    hostile = {
        "climbs.zip": ("../../up.png", None),
        "absolute.tar": ("/tmp/up.png", None),
        "link.tar": ("train/x", "/etc"),
    }
    for name, (member, target) in hostile.items():
        ended, _ = made(_hostile(scratch / name, member, target), scratch / f"out-{name}")
        yield Case(f"archive: {name}", harness.judged(ended, member))
    bomb = _hostile(scratch / "bomb.zip", "sad/1.png", None, bytes(40 << 20))
    ended, _ = made(bomb, scratch / "out-bomb", "--max-unpacked", "0.01")
    yield Case("archive: a bomb", harness.judged(ended, "--max-unpacked"))
    data = (scratch / "a.tar.gz").read_bytes()
    (scratch / "cut.tar.gz").write_bytes(data[: len(data) // 2])
    ended, _ = made(scratch / "cut.tar.gz", scratch / "out-cut")
    yield Case("archive: cut off", harness.judged(ended, "cannot be read"))
    ended, _ = made(_hostile(scratch / "doc.zip", "a.docx", None), scratch / "out-doc")
    yield Case("archive: nothing to read", harness.judged(ended, "holds a.docx"))


def _hostile(path, member, target, data=b"x"):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, data)
        return path
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo(member)
        if target:
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        else:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def _folders(scratch):
    rows = [f"{n % 7},{' '.join(['1'] * 2303 + [str(n)])},Training" for n in range(20)]
    table = "\n".join(["emotion,pixels,Usage", *rows]) + "\n"

    def case(name, *named, files=(), trees=()):
        root = scratch / name.replace(" ", "-")
        for path in trees:
            image(root / path, len(path))
        for path, text in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        ended, _ = made(root, scratch / f"out-{root.name}")
        verdict = harness.judged(ended, *named)
        wrong = bool(named) != (verdict == "named")
        return Case(f"folder: {name}", f"{verdict}: {ended.err}" if wrong else verdict)

    images = ("images/0.jpg", "images/1.jpg")
    listed = "images/0.jpg\t0\nimages/1.jpg\t1\n"
    yield case("of fer2013.csv", files=[("fer2013.csv", table)])
    yield case("of a folder of a table", files=[("data/new/icml_face_data.csv", table)])
    yield case("of image_emotion.csv", files=[("image_emotion.csv", listed)], trees=images)
    two = [("a.csv", table), ("b.csv", table)]
    yield case("of two tables", "a.csv (fer2013_csv), b.csv (fer2013_csv)", files=two)
    both = [("fer2013.csv", table)]
    yield case(
        "of a table and a tree", "fer2013.csv", files=both, trees=("sad/1.png", "happy/1.png")
    )
    votes = 'fer0000000.png,"(0, 0, 48, 48)",9,0,0,0,0,0,0,1,0,0\n'
    plus = [(f"FER2013{name}/label.csv", votes) for name in ("Train", "Valid", "Test")]
    shown = [f"FER2013{name}/fer0000000.png" for name in ("Train", "Valid", "Test")]
    yield case("FER+'s own", files=plus, trees=shown)
    broken = [plus[0], ("FER2013Test/label.csv", f"{votes}fer0000001.png,1,2\n")]
    yield case("FER+'s own damaged", "FER2013Test/label.csv, line 2", files=broken, trees=shown)


def _links(scratch):
    root = tree(scratch / "tree", ("train",))
    for name in ("__MACOSX/happy/x.png", "@eaDir/happy/x.png", ".thumbs/x.png"):
        image(root / name, 1)
    (root / "train/happy/._0.png").write_bytes(b"x")
    image(scratch / "elsewhere" / "0.png", 77)
    links = {"train/sad": scratch / "elsewhere", "train/happy/up": "../..", "train/fear": "fear"}
    for name, target in links.items():
        (root / name).symlink_to(target)
    ended, manifest = made(root, scratch / "out")
    fits = ended.status == 0 and sum(sizes(manifest).values()) == 21
    fits = fits and manifest["counts"]["Training"]["sad"] == 1
    yield Case("links: make_records", "went on" if fits else ended.err[-300:])
    yield Case(
        "links: what leads nowhere is said",
        "went on" if "train/fear leads nowhere" in ended.out else "not said",
    )
    from fer2013_tf.faces import image_files

    for name in (str(root), f"{root}/**/*.png"):
        found = list(image_files.expand([name]))
        odd = [path for path in found if "up/" in path or Path(path).name.startswith(".")]
        verdict = "went on" if len(found) == 21 and not odd else f"{len(found)} files: {odd}"
        yield Case(f"links: predict {Path(name).name}", verdict)
