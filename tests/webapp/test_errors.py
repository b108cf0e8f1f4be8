"""Whatever is sent to the page's server is answered, errors as JSON of one line."""

import http.client
import io
import json
import socket
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from fer2013_tf.webapp import server

LIMITS = {"limit_mb": 0.1, "per_minute": 600}
MULTIPART = "multipart/form-data"


class Empty:
    """Stands for a recognizer that finds no face."""

    weights, size, classes, calibrated = "none", (48, 48), ("happy", "own"), True

    def predict(self, image):
        return []


def image_file(side=60):
    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, "PNG")
    return io.BytesIO(file.getvalue()), "a.png"


@pytest.fixture
def client():
    return server.app(Empty(), None, **LIMITS | {"limit_mb": 1}).test_client()


@pytest.fixture(scope="module")
def port():
    """The port of a server that runs in a thread."""
    listener, until = socket.create_server(("127.0.0.1", 0)), threading.Event()
    application = server.app(Empty(), None, **LIMITS)
    thread = threading.Thread(target=server.serve, args=(application, listener, until))
    thread.start()
    yield listener.getsockname()[1]
    until.set()
    thread.join()


@pytest.mark.parametrize(
    "form, status, words",
    [
        ([("f", image_file), ("f", image_file)], 400, "2 files in the form"),
        ([("a", image_file), ("b", image_file), ("c", image_file)], 400, "3 files in the form"),
        ([("f", lambda: (io.BytesIO(b""), ""))], 400, "no image"),
        ([("f", lambda: (io.BytesIO(b""), "a.png"))], 400, "no image"),
        ([("f", lambda: "text")], 400, "no image"),
        ([(f"f{n}", lambda: "text") for n in range(1001)], 400, "too much besides its file"),
        ([("a", lambda: (io.BytesIO(b""), "")), ("b", image_file)], 200, None),
    ],
)
def test_forms(client, form, status, words):
    data = {}
    for name, make in form:
        data.setdefault(name, []).append(make())
    sent = client.post("/api/predict", data=data, content_type=MULTIPART)
    assert sent.status_code == status
    if words:
        assert words in sent.json["error"] and "\n" not in sent.json["error"]
    else:
        assert sent.json["image"] == {"width": 60, "height": 60}


@pytest.mark.parametrize(
    "body, kind",
    [
        (b"no parts at all", f"{MULTIPART}; boundary=x"),
        (b"--y\r\n\r\n--y--", f"{MULTIPART}; boundary=x"),
        (b"--x\r\nbroken", f"{MULTIPART}; boundary=x"),
        (b"something", MULTIPART),
        (b'{"image": "x"}', "application/json"),
        (b"image=x", "application/x-www-form-urlencoded"),
    ],
)
def test_bodies_that_are_no_image(client, body, kind):
    sent = client.post("/api/predict", data=body, content_type=kind)
    assert sent.status_code in (400, 415)
    assert "image" in sent.json["error"] and "\n" not in sent.json["error"]


@pytest.mark.parametrize(
    "method, path, status, words",
    [
        ("GET", "/api/predict", 405, "GET is not answered here; send POST"),
        ("PUT", "/api/predict", 405, "send POST"),
        ("POST", "/", 405, "send GET"),
        ("GET", "/nothing", 404, "not found"),
        ("POST", "/api/predict/", 404, "not found"),
        ("GET", "/page/../server.py", 404, "not found"),
    ],
)
def test_methods_and_paths(client, method, path, status, words):
    sent = client.open(path, method=method)
    assert sent.status_code == status and words in sent.json["error"]
    assert status != 405 or words.rpartition(" ")[2] in sent.headers["Allow"]


def test_head_has_the_headers_and_no_body(client):
    for path, status in (("/", 200), ("/api/predict", 405), ("/nothing", 404)):
        sent = client.head(path)
        assert sent.status_code == status and not sent.data
        assert "json" in sent.content_type or status == 200


@pytest.mark.parametrize("size", [150_000, 5_000_000])
def test_larger_than_is_read_is_json_too(port, size):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/predict", bytes(size))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 413 and refused.value.headers["Content-Security-Policy"]
    assert json.load(refused.value) == {"error": "larger than 0.1 MB; make the image smaller"}


@pytest.mark.parametrize(
    "data, status",
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 300_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
            + bytes(9_000_000),
            413,
        ),
    ],
)
def test_what_is_no_http_is_answered_as_json(port, data, status):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(data)
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        error = json.loads(reply.read())["error"]
    assert reply.status == status and error and "\n" not in error


def test_100_at_once_are_answered_and_nothing_is_logged(port, capfd, caplog):
    data = image_file()[0].getvalue()

    def send(_):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/predict", data) as reply:
            return reply.status

    with ThreadPoolExecutor(100) as pool:
        assert list(pool.map(send, range(100))) == [200] * 100
    assert capfd.readouterr() == ("", "") and not caplog.records
