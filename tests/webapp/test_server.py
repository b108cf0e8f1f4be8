"""The page's server: its responses and errors, and that it keeps nothing."""

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

from fer2013_tf import web
from fer2013_tf.inference import gradcam
from fer2013_tf.inference.recognizer import Recognizer
from fer2013_tf.webapp import server

ASTRONAUT = Image.fromarray(skimage.data.astronaut())
LIMITS = {"limit_mb": 10, "per_minute": 600}


@pytest.fixture(scope="module")
def recognizer(trained_run):
    with Recognizer("r", ckpt=trained_run / "ckpt", faces="detect") as recognizer:
        yield recognizer


class Recording:
    """Stands for a recognizer and keeps the image that it gets."""

    weights, size, classes, calibrated = "none", (48, 48), ("happy", "own"), True

    def predict(self, image):
        self.image = image
        return []


def client(recognizer, explainer=None, **options):
    return server.app(recognizer, explainer, **(LIMITS | options)).test_client()


def as_bytes(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(address):
    head, _, data = address.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_api_predict_gives_the_predictions_of_the_recognizer(recognizer):
    reply = client(recognizer).post("/api/predict", data=as_bytes(ASTRONAUT)).json
    (prediction,) = recognizer.predict(ASTRONAUT)
    assert reply["image"] == {"width": 512, "height": 512}
    (face,) = reply["faces"]
    plain = prediction.as_dict()
    assert face["box"] == plain["box"] and face["expression"] == plain["expression"]
    assert face["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-4)
    assert face["confidence"] == max(face["probabilities"].values())
    assert list(face["probabilities"]) == list(recognizer.classes)
    np.testing.assert_array_equal(decoded(face["crop"]), prediction.crop)
    assert "gradcam" not in face


def test_api_predict_takes_a_form_or_bytes(recognizer):
    page = client(recognizer)
    form = {"image": (io.BytesIO(as_bytes(ASTRONAUT)), "a.png")}
    sent = page.post("/api/predict", data=form, content_type="multipart/form-data")
    assert sent.json == page.post("/api/predict", data=as_bytes(ASTRONAUT)).json


def test_api_predict_with_explain_gives_gradcam(recognizer):
    explainer = gradcam.Explainer(recognizer)
    page = client(recognizer, explainer)
    (face,) = page.post("/api/predict?explain=1", data=as_bytes(ASTRONAUT)).json["faces"]
    explainer.close()
    shown = decoded(face["gradcam"])
    assert shown.shape == (server.GRADCAM_SIDE, server.GRADCAM_SIDE, 3)
    assert np.ptp(shown, axis=-1).max() > 50, "no colors"


def test_api_predict_with_a_gradcam_of_zeros_gives_null(recognizer):
    class Dark:
        def gradcam(self, crop, predicted_class):
            return np.zeros(crop.shape)

    sent = client(recognizer, Dark()).post("/api/predict?explain=1", data=as_bytes(ASTRONAUT))
    assert [face["gradcam"] for face in sent.json["faces"]] == [None]


def test_api_settings_name_classes_in_order_with_colors():
    settings = client(Recording(), limit_mb=2.5).get("/api/settings").json
    assert list(settings["classes"].items()) == [("happy", "#ffbf00"), ("own", "#17becf")]
    assert settings["limit_mb"] == 2.5 and settings["per_minute"] == 600


GRAY = Image.new("L", (60, 50))


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "no image in the request"),
        (b"some text", 415, "not an image; send JPEG, PNG"),
        (as_bytes(GRAY, "TIFF"), 415, "not an image"),
        (as_bytes(ASTRONAUT)[:1000], 400, "damaged image"),
        (as_bytes(GRAY.resize((8, 8))), 400, "8x8 pixels; a face needs 10"),
        (as_bytes(GRAY.resize((100, 100))), 413, "million pixels"),
    ],
)
def test_api_predict_of_bad_images_is_refused_in_one_line(monkeypatch, data, status, words):
    monkeypatch.setattr(server, "MAX_PIXELS", 9999 if status == 413 else server.MAX_PIXELS)
    page = client(Recording())
    form = {"image": (io.BytesIO(data), "a.png")}
    for sent in (
        page.post("/api/predict", data=data),
        page.post("/api/predict", data=form, content_type="multipart/form-data"),
    ):
        assert sent.status_code == status
        assert words in sent.json["error"] and "\n" not in sent.json["error"]


def test_api_predict_of_a_form_without_a_file_is_refused():
    sent = client(Recording()).post(
        "/api/predict", data={"name": "x"}, content_type="multipart/form-data"
    )
    assert sent.status_code == 400 and "no image" in sent.json["error"]


def test_api_predict_makes_transparent_white_and_follows_exif():
    page = client(recording := Recording())
    clear = Image.new("RGBA", (20, 30))
    page.post("/api/predict", data=as_bytes(clear))
    assert recording.image.mode == "RGB" and np.asarray(recording.image).min() == 255
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    page.post("/api/predict", data=as_bytes(GRAY, exif=exif))
    assert recording.image.mode == "L" and recording.image.size == (50, 60)


def test_api_predict_of_16_bits_is_scaled():
    page = client(recording := Recording())
    assert page.post("/api/predict", data=as_bytes(Image.new("I;16", (60, 50), 1000))).json
    assert recording.image.mode == "L" and np.asarray(recording.image).max() == 1000 // 256


def test_api_predict_over_the_limit_is_refused():
    page = client(Recording(), limit_mb=0.1)
    for how in ({"data": b"x" * 100_001}, {"data": {"file": (io.BytesIO(b"x" * 100_001), "a")}}):
        sent = page.post("/api/predict", **how)
        assert sent.status_code == 413 and "larger than 0.1 MB" in sent.json["error"]


def test_api_predict_too_often_is_refused_but_the_page_is_served():
    page = client(Recording(), per_minute=2)
    statuses = [page.post("/api/predict", data=as_bytes(GRAY)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = page.post("/api/predict", data=as_bytes(GRAY))
    assert "more than 2 images per minute" in refused.json["error"]
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    assert page.get("/").status_code == 200


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
def test_requests_of_other_sites_are_refused(headers, status):
    assert client(Recording()).get("/api/settings", headers=headers).status_code == status


def test_requests_to_any_host_name_pass_without_hosts():
    open_to_all = client(Recording(), hosts=None)
    assert open_to_all.get("/", headers={"Host": "desk.local"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/page/page.js", "/api/settings", "/nothing", "/api/predict"]
)
def test_every_response_has_the_strict_headers(path):
    headers = client(Recording()).get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert "camera=(self)" in headers["Permissions-Policy"]


def test_serve_writes_nothing_to_disk_and_logs_nothing(tmp_path, monkeypatch, capfd, caplog):
    listener, until = socket.create_server(("127.0.0.1", 0)), threading.Event()
    application = server.app(Recording(), None, **LIMITS)
    thread = threading.Thread(target=server.serve, args=(application, listener, until))
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/api/predict"
    large = as_bytes(ASTRONAUT.resize((1000, 1000)), "BMP")
    form = b'--x\r\nContent-Disposition: form-data; name="f"; filename="secret"\r\n\r\n'
    kinds = {"image/bmp": large, "multipart/form-data; boundary=x": form + large + b"\r\n--x--"}
    with monkeypatch.context() as changed:
        # The folder for temporary files does not exist, so that writing any would fail.
        changed.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        for kind, body in kinds.items():
            request = urllib.request.Request(address, body, {"Content-Type": kind})
            with urllib.request.urlopen(request) as reply:
                assert json.load(reply)["image"] == {"width": 1000, "height": 1000}
        until.set()
        thread.join()
    assert capfd.readouterr() == ("", "") and not caplog.records


def words(whole, *more):
    return ["--run", "r", "--ckpt", str(whole / "ckpt"), "--port", "0", *more]


def test_web_opens_the_page_and_ends_by_ctrl_c(trained_run, monkeypatch, capsys):
    got = []

    def visit(address):
        with urllib.request.urlopen(address) as reply:
            got.append(reply.read().decode())
        _thread.interrupt_main()

    def browser(address):
        threading.Thread(target=visit, args=(address,)).start()

    monkeypatch.setattr("webbrowser.open", browser)
    assert web.main(words(trained_run, "--open")) == 130
    out, error = capsys.readouterr()
    assert out.startswith("ready: http://127.0.0.1:") and "warning" not in error
    assert "<title>Facial expressions" in got[0]


def test_web_on_a_public_address_warns(trained_run, monkeypatch, capsys):
    monkeypatch.setattr(server, "serve", lambda application, listener: None)
    assert web.main(words(trained_run, "--host", "0.0.0.0")) == 0
    out, error = capsys.readouterr()
    assert "everybody who reaches this address" in error and "http://127.0.0.1:" in out


def test_web_with_bad_options_fails_in_one_line(monkeypatch, capsys):
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
    error = capsys.readouterr().err
    assert "needs Flask, which is not installed; pip install flask" in error and ".[web]" in error
