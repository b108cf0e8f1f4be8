"""The benchmarks of finding and reading faces: labels, the rule of what is found, made pictures."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from benchmarks import (
    alternate,
    beside_fer,
    detectors,
    film,
    framing,
    install_size,
    many_pictures,
    memory,
    packaged,
)
from benchmarks.contenders import finding
from fer2013_tf import faces

LABELLED = [
    (package, picture) for package, e in packaged.labels().items() for picture in e["pictures"]
]


def picture_of(*boxes, size=(90, 60), tags=("single",)):
    return packaged.Picture("a/b.png", Image.new("L", size, 100), boxes, tags)


def test_every_package_has_version_archive_and_licence():
    for package, entry in packaged.labels().items():
        assert set(entry) == {"version", "archive", "licence", "pictures"}, package
        assert entry["version"] in entry["archive"] and entry["licence"]
        names = [picture["path"].rsplit("/")[-1] for picture in entry["pictures"]]
        assert len(set(names)) == len(names), package


@pytest.mark.parametrize(
    "picture", [p for _, p in LABELLED], ids=[f"{package}-{p['path']}" for package, p in LABELLED]
)
def test_every_picture_has_a_licence_tags_and_upright_boxes(picture):
    assert set(picture) == {"path", "licence", "tags", "faces"} and picture["licence"]
    count = ("none", "single", "many")[min(len(picture["faces"]), 2)]
    assert picture["tags"][0] == count
    for left, top, right, bottom in picture["faces"]:
        assert 0 <= left < right and 0 <= top < bottom
        assert 0.3 < (right - left) / (bottom - top) < 1.2


def test_the_set_is_large_enough():
    assert 40 <= len(LABELLED) <= 60
    assert sum(not picture["faces"] for _, picture in LABELLED) >= 15


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache that holds the one package of a set."""
    entry = {"version": "1", "archive": "thing-1-*.whl", "licence": "MIT", "pictures": []}
    for name, boxes, tags in (
        ("a.png", [[10, 10, 30, 40]], ["single", "frontal"]),
        ("b.png", [], ["none"]),
    ):
        path = tmp_path / name
        Image.new("L", (60, 50), 80).save(path)
        entry["pictures"].append(
            {"path": f"thing/{name}", "licence": "CC0", "tags": tags, "faces": boxes}
        )
        with zipfile.ZipFile(tmp_path / "thing-1-py3-none-any.whl", "a") as wheel:
            wheel.write(path, f"thing/{name}")
    (tmp_path / "labels.json").write_text(json.dumps({"thing": entry}))
    monkeypatch.setattr(packaged, "LABELS", tmp_path / "labels.json")
    return tmp_path


def test_pictures_come_out_of_their_packages(cache, tmp_path, capsys):
    first, second = packaged.pictures(cache)
    assert (first.name, first.faces, first.tags) == (
        "thing/a.png",
        ((10, 10, 30, 40),),
        ("single", "frontal"),
    )
    assert first.image.size == (60, 50) and second.faces == ()
    out = tmp_path / "drawn"
    assert packaged.main(["--cache", str(cache), "--out", str(out)]) == 0
    assert "2 pictures, 1 faces labelled" in capsys.readouterr().out
    assert Image.open(out / "thing-a.png.png").getpixel((10, 20)) == (0, 255, 0)


def test_a_package_that_cannot_be_had_ends_the_benchmark(cache, monkeypatch):
    (cache / "thing-1-py3-none-any.whl").unlink()
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(packaged.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SystemExit, match="thing 1: pip could not fetch it"):
        list(packaged.pictures(cache))


@pytest.mark.parametrize("count", [1, 10])
def test_scenes_have_the_size_asked_for(cache, count):
    image = packaged.scene(cache, count)
    assert image.size == (640, 480) and image.mode == "RGB"


def test_boxes_go_with_the_picture():
    """A white face on grey is where the label says, in every way."""
    picture = picture_of((20, 10, 40, 30))
    picture.image.paste(255, (20, 10, 40, 30))
    for name, way in packaged.WAYS.items():
        changed = way(picture)
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
        ((31, 10, 71, 50), False),  # beside the centre
    ],
)
def test_what_counts_as_found(box, found):
    assert detectors.fits(box, (10, 10, 50, 50)) is found


def test_a_box_counts_for_one_face():
    labels = [(10, 10, 50, 50), (20, 10, 60, 50)]
    assert detectors.matched([(12, 10, 52, 50)], labels) == ([True, False], 0)
    assert detectors.matched([*labels, (14, 10, 54, 50)], labels) == ([True, True], 1)
    assert detectors.matched([], labels) == ([False, False], 0)
    assert detectors.matched([(200, 200, 240, 240)], []) == ([], 1)


def test_recall_by_tag_and_false_faces_by_picture():
    one = picture_of((10, 10, 50, 50))
    none = one._replace(name="c/d.png", faces=(), tags=("none",))
    found = {one.name: [(10, 10, 50, 50)], none.name: [(0, 0, 9, 9), (1, 1, 9, 9)]}
    figures = detectors.judged(found, "as_it_is", [one, none])
    assert figures == {
        "faces": 1,
        "found": 1,
        "recall": 1.0,
        "false": 2,
        "false_in": ["c/d.png"],
        "tags": {"single": [1, 1]},
    }


def test_a_contender_searches_every_way_and_is_timed_on_one_picture():
    seen = []

    def find(image):
        seen.append((image.mode, image.size))
        return [(1, 2, 3.14159, 4)]

    pictures = [picture_of((10, 10, 50, 50)), picture_of()._replace(name=finding.TIMED)]
    found = finding.found(find, pictures)
    assert found == {way: {p.name: [[1.0, 2.0, 3.1, 4.0]] for p in pictures} for way in found}
    assert set(found) == set(packaged.WAYS) and {mode for mode, _ in seen} == {"RGB"}
    seen.clear()
    assert 0 < finding.timed(find, pictures, 0.01)["milliseconds"] < 1000
    assert set(seen) == {("RGB", finding.SIZE)}


def test_the_most_memory_is_this_process_own():
    def peak(allocated):
        code = f"x = b'1' * {allocated}; from benchmarks.contenders import reading; "
        line = [sys.executable, "-c", code + "del x; print(reading.peak_mb())"]
        return float(subprocess.check_output(line, cwd=alternate.ROOT))

    small, large = peak(1), peak(200 * 2**20)
    assert large > small + 150 and small < 100


def test_the_table_of_detectors():
    ways = {way: {"found": 3, "faces": 4, "false": 1} for way in packaged.WAYS}
    row = {"ways": ways, "milliseconds": None, "mb": 1.0, "licence": "MIT", "installs": {}}
    timed = row | {"milliseconds": {"median": 12.3}, "installs": {"3.10": True, "3.11": False}}
    text = detectors.table({"a": row, "b": timed})
    assert text.count("3/4, 1") == 8 and "12.3" in text and "on Python: 3.10" in text


def test_the_frame_beside_the_box():
    canvas, place = framing.on_canvas(np.zeros((48, 48), np.uint8))
    assert canvas.size == (576, 576) and place == (192, 192, 192)
    # Sides of 96, its middle 12 lower than the picture's.
    face = faces.Face((240, 252, 336, 348))
    assert framing.relation(face, place) == (2.0, 0.125)
    outside, small = faces.Face((0, 0, 90, 90)), faces.Face((280, 280, 300, 300))
    assert framing.of_picture([outside, small, face], place) is face
    assert framing.of_picture([outside], place) is None


def test_faces_are_cut_out_anew_and_what_is_not_found_stays():
    images = np.stack([np.full((48, 48), 50, np.uint8), np.full((48, 48), 90, np.uint8)])

    def find(canvas):
        eyes = ((260, 280), (320, 280))
        found = faces.Face((192, 192, 384, 384), 0.9, eyes)
        return [found] if np.asarray(canvas).mean() < 60 else []

    relations, crops, seen = framing.reframed(images, find)
    assert seen == [True, False] and relations == [(1.0, 0.0)]
    assert set(crops) == {framing.WHOLE, *faces.FRAMINGS}
    for made in crops.values():
        assert (made == images).all()


@pytest.mark.parametrize("number", [0, 31, 62, 93, 170, 499])
def test_a_film_stays_within_its_picture(number):
    left, top, right, bottom = film.window(number, (512, 512))
    assert 0 <= left < right <= 512 and 0 <= top < bottom <= 512
    assert (right - left) / (bottom - top) == pytest.approx(640 / 480)


def test_frames_a_second_are_read_from_what_is_printed():
    said = "500 frames of 640x480 in 12.5 s: 40.0 frames a second; faces looked for in every one"
    assert film.SPEED.search(said)[1] == "40.0"


def test_a_film_is_written(tmp_path):
    cv2 = pytest.importorskip("cv2")
    film.make(tmp_path / "f.mp4", Image.new("RGB", (512, 512), "red"), 5)
    assert cv2.VideoCapture(str(tmp_path / "f.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 5


def test_a_folder_is_filled_and_memory_is_read(tmp_path):
    many_pictures.fill(tmp_path, [picture_of((1, 1, 9, 9)), picture_of()], 5)
    assert len(list(tmp_path.iterdir())) == 5
    assert memory.mb("Name:\tx\nVmRSS:\t  2048 kB\n", memory.RESIDENT) == 2
    assert memory.mb("Name:\tx\n", memory.RESIDENT) is None
    assert many_pictures.tenths([(n, 100 + n) for n in range(30)]) == (101, 128)


def test_a_command_is_watched(tmp_path):
    csv = tmp_path / "out.csv"
    body = f"import time; open({str(csv)!r}, 'w').write('x' * 2000); time.sleep(1)"
    seconds, samples = many_pictures.watched([sys.executable, "-c", body], csv, every=0.1)
    assert seconds > 1 and samples and all(mb > 1 for _, mb in samples)
    with pytest.raises(SystemExit, match="ended with 1"):
        many_pictures.watched([sys.executable, "-c", "raise SystemExit(1)"], csv, every=0.1)


def test_sizes_leave_out_what_every_environment_has(tmp_path):
    for name, size in (("pip/a.py", 9), ("thing/b.py", 2_000_000), ("c.py", 1_000_000)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    assert install_size.sizes(tmp_path) == {"thing": 2.0, "c.py": 1.0}


def test_accuracies_have_intervals():
    row = beside_fer.accuracies({"ours": [{"accuracy": 0.5}]}, 100)["ours"]
    assert row["median"] == 50 and row["low"] == pytest.approx(40.4, abs=0.1)


def test_without_the_peers_environment_one_line_says_what_makes_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(alternate, "PEERS", tmp_path / "python")
    assert beside_fer.main([]) == 2
    assert "make it with: make bench-env" in capsys.readouterr().err
