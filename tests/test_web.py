"""The page's server: what it answers, what it refuses, and that it keeps nothing."""

import _thread
import base64
import io
import json
import socket
import tempfile
import threading
import urllib.request

import numpy as np
import pytest
import skimage.data
from PIL import Image

from fer2013_tf import explain, serving, web
from fer2013_tf.recognizer import Recognizer

ASTRONAUT = Image.fromarray(skimage.data.astronaut())
LIMITS = {"limit_mb": 10, "per_minute": 600}


@pytest.fixture(scope="module")
def recognizer(whole):
    with Recognizer("r", ckpt=whole / "ckpt", faces="detect") as recognizer:
        yield recognizer


class Seeing:
    """In a recognizer's place where only the picture matters that reaches it."""

    weights, size, classes, members = "none", (48, 48), ("happy", "own"), ()

    def predict(self, image):
        self.image = image
        return []


def client(recognizer, explainer=None, **options):
    return serving.app(recognizer, explainer, **(LIMITS | options)).test_client()


def as_bytes(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(address):
    head, _, data = address.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_a_picture_is_read_as_predict_reads_it(recognizer):
    answer = client(recognizer).post("/api/read", data=as_bytes(ASTRONAUT)).json
    (reading,) = recognizer.predict(ASTRONAUT)
    assert answer["picture"] == {"width": 512, "height": 512}
    (face,) = answer["faces"]
    plain = reading.as_dict()
    assert face["box"] == plain["box"] and face["expression"] == plain["expression"]
    assert face["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-4)
    assert face["confidence"] == max(face["probabilities"].values())
    assert list(face["probabilities"]) == list(recognizer.classes)
    np.testing.assert_array_equal(decoded(face["crop"]), reading.crop)
    assert "heat" not in face


def test_a_form_is_taken_as_well_as_bytes(recognizer):
    answers = client(recognizer)
    form = {"picture": (io.BytesIO(as_bytes(ASTRONAUT)), "a.png")}
    sent = answers.post("/api/read", data=form, content_type="multipart/form-data")
    assert sent.json == answers.post("/api/read", data=as_bytes(ASTRONAUT)).json


def test_explained_faces_have_a_heat_map(recognizer):
    explainer = explain.Explainer(recognizer.members[0])
    answers = client(recognizer, explainer)
    (face,) = answers.post("/api/read?explain=1", data=as_bytes(ASTRONAUT)).json["faces"]
    explainer.close()
    heat = decoded(face["heat"])
    assert heat.shape == (serving.HEAT_SIDE, serving.HEAT_SIDE, 3)
    assert np.ptp(heat, axis=-1).max() > 50, "no colours"


def test_a_face_of_which_nothing_speaks_has_none(recognizer):
    class Dark:
        def heat(self, crop):
            return np.zeros(crop.shape)

    sent = client(recognizer, Dark()).post("/api/read?explain=1", data=as_bytes(ASTRONAUT))
    assert [face["heat"] for face in sent.json["faces"]] == [None]


def test_settings_name_classes_in_order_with_colours():
    settings = client(Seeing(), limit_mb=2.5).get("/api/settings").json
    assert list(settings["classes"].items()) == [("happy", "#ffbf00"), ("own", "#17becf")]
    assert settings["limit_mb"] == 2.5 and settings["per_minute"] == 600


GREY = Image.new("L", (60, 50))


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "no picture in the request"),
        (b"some text", 415, "not a picture; send JPEG, PNG"),
        (as_bytes(GREY, "TIFF"), 415, "not a picture"),
        (as_bytes(ASTRONAUT)[:1000], 400, "damaged picture"),
        (as_bytes(GREY.resize((8, 8))), 400, "8x8 pixels; a face takes 10"),
        (as_bytes(GREY.resize((100, 100))), 413, "million pixels"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(monkeypatch, data, status, words):
    monkeypatch.setattr(serving, "MOST_PIXELS", 9999 if status == 413 else serving.MOST_PIXELS)
    answers = client(Seeing())
    form = {"picture": (io.BytesIO(data), "a.png")}
    for sent in (
        answers.post("/api/read", data=data),
        answers.post("/api/read", data=form, content_type="multipart/form-data"),
    ):
        assert sent.status_code == status
        assert words in sent.json["error"] and "\n" not in sent.json["error"]


def test_a_form_without_a_file_is_refused():
    sent = client(Seeing()).post(
        "/api/read", data={"name": "x"}, content_type="multipart/form-data"
    )
    assert sent.status_code == 400 and "no picture" in sent.json["error"]


def test_transparent_is_white_and_exif_is_followed():
    answers = client(seeing := Seeing())
    clear = Image.new("RGBA", (20, 30))
    answers.post("/api/read", data=as_bytes(clear))
    assert seeing.image.mode == "RGB" and np.asarray(seeing.image).min() == 255
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    answers.post("/api/read", data=as_bytes(GREY, exif=exif))
    assert seeing.image.mode == "L" and seeing.image.size == (50, 60)


def test_16_bits_are_scaled():
    answers = client(seeing := Seeing())
    assert answers.post("/api/read", data=as_bytes(Image.new("I;16", (60, 50), 1000))).json
    assert seeing.image.mode == "L" and np.asarray(seeing.image).max() == 1000 // 256


def test_pictures_over_the_limit_are_refused():
    answers = client(Seeing(), limit_mb=0.1)
    for how in ({"data": b"x" * 100_001}, {"data": {"file": (io.BytesIO(b"x" * 100_001), "a")}}):
        sent = answers.post("/api/read", **how)
        assert sent.status_code == 413 and "larger than 0.1 MB" in sent.json["error"]


def test_too_many_pictures_a_minute_are_refused_but_the_page_stays():
    answers = client(Seeing(), per_minute=2)
    statuses = [answers.post("/api/read", data=as_bytes(GREY)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = answers.post("/api/read", data=as_bytes(GREY))
    assert "more than 2 pictures a minute" in refused.json["error"]
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    assert answers.get("/").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:8013"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:80", "Origin": "http://[::1]:80"}, 200),
        ({"Host": "evil.example:8013"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "localhost:8013", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:8013", "Origin": "http://localhost:1"}, 403),
        ({"Host": "localhost:8013", "Origin": "null"}, 403),
    ],
)
def test_other_sites_are_refused(headers, status):
    assert client(Seeing()).get("/api/settings", headers=headers).status_code == status


def test_any_name_will_do_where_others_may_reach_it():
    open_to_all = client(Seeing(), hosts=None)
    assert open_to_all.get("/", headers={"Host": "desk.local"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/api/settings", "/nothing", "/api/read"])
def test_every_answer_has_the_strict_headers(path):
    headers = client(Seeing()).get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert "camera=(self)" in headers["Permissions-Policy"]


def test_nothing_is_written_to_disk_or_logged(tmp_path, monkeypatch, capfd, caplog):
    listener, until = socket.create_server(("127.0.0.1", 0)), threading.Event()
    application = serving.app(Seeing(), None, **LIMITS)
    thread = threading.Thread(target=serving.serve, args=(application, listener, until))
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/api/read"
    large = as_bytes(ASTRONAUT.resize((1000, 1000)), "BMP")
    form = b'--x\r\nContent-Disposition: form-data; name="f"; filename="secret"\r\n\r\n'
    kinds = {"image/bmp": large, "multipart/form-data; boundary=x": form + large + b"\r\n--x--"}
    with monkeypatch.context() as changed:
        # Where temporary files go there is no folder, so any would be an error.
        changed.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        for kind, body in kinds.items():
            request = urllib.request.Request(address, body, {"Content-Type": kind})
            with urllib.request.urlopen(request) as answer:
                assert json.load(answer)["picture"] == {"width": 1000, "height": 1000}
        until.set()
        thread.join()
    assert capfd.readouterr() == ("", "") and not caplog.records


def words(whole, *more):
    return ["--run", "r", "--ckpt", str(whole / "ckpt"), "--port", "0", *more]


def test_the_command_opens_the_page_and_ends_by_ctrl_c(whole, monkeypatch, capsys):
    got = []

    def visit(address):
        with urllib.request.urlopen(address) as answer:
            got.append(answer.read().decode())
        _thread.interrupt_main()

    def browser(address):
        threading.Thread(target=visit, args=(address,)).start()

    monkeypatch.setattr("webbrowser.open", browser)
    assert web.main(words(whole, "--open")) == 130
    out, error = capsys.readouterr()
    assert out.startswith("ready: http://127.0.0.1:") and "warning" not in error
    assert "<title>Facial expressions" in got[0]


def test_an_address_that_others_reach_is_warned_of(whole, monkeypatch, capsys):
    monkeypatch.setattr(serving, "serve", lambda application, listener: None)
    assert web.main(words(whole, "--host", "0.0.0.0")) == 0
    out, error = capsys.readouterr()
    assert "everybody who reaches this address" in error and "http://127.0.0.1:" in out


def test_what_a_user_can_mend_is_one_line(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = {
            ("--port", "70000"): "give 0 to 65535",
            ("--limit-mb", "0"): "give more than 0",
            ("--per-minute", "0"): "give 1 or more",
            ("--port", port): "choose another",
            ("--port", "0", "--run", "none", "--ckpt", "nowhere"): "no such run",
        }
        for arguments, expected in cases.items():
            assert web.main(list(arguments)) == 2
            error = capsys.readouterr().err
            assert expected in error and error.count("\n") == 1
    monkeypatch.setattr(web, "NEEDS", {"no_such_module": "Flask"})
    assert web.main([]) == 2
    assert (
        'needs Flask, which is not installed: pip install "fer2013_tf[' in capsys.readouterr().err
    )
