"""The page's server: a Flask application that predicts the expressions of images it is sent.

application = server.app(recognizer, explainer, limit_mb=10, per_minute=600)
server.serve(application, socket.create_server(("127.0.0.1", 8013)))

Images are kept in memory during the request, and nowhere else.
"""

import base64
import functools
import io
import logging
import re
import threading
from pathlib import Path

import flask
import numpy as np
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from PIL import Image, UnidentifiedImageError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from fer2013_tf.faces import image_io
from fer2013_tf.utils.errors import UserError
from fer2013_tf.visualization import style

PAGE = Path(__file__).parent / "static"
# Host names accepted by a page that only this machine can reach. A site whose name is made to point
# to 127.0.0.1 (DNS rebinding) sends its own name.
LOCAL = ("127.0.0.1", "localhost", "[::1]")
MB = 1_000_000
# What browsers produce; every further decoder could be attacked by damaged files.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000
# Side of the Grad-CAM images in pixels, and opacity of their colors over the face.
GRADCAM_SIDE, GRADCAM_ALPHA = 192, 0.55
THREADS, CONNECTIONS = 4, 30
# Waitress puts larger responses into a temporary file.
MAX_RESPONSE = 64 * MB
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _Request(flask.Request):
    """Uploads stay in memory; Werkzeug puts those of more than 500 kB into a temporary file."""

    def _get_file_stream(self, *_, **__):
        return io.BytesIO()


def app(recognizer, explainer, *, limit_mb, per_minute, hosts=LOCAL):
    """Return the Flask application.

    GET / is the page. GET /api/settings returns the limits, the classes with their colors, and the
    weights. POST /api/predict takes an image, as the body or as the file of a form, and returns a
    JSON object: the image's size, and per face its box in pixels, expression, confidence,
    probabilities and crop; with ?explain=1 also the Grad-CAM map of the predicted class. Errors are
    {"error": one line}: 400 damaged, none or several, 403 from another site, 404 unknown, 405 wrong
    method, 413 too large, 415 no image, 429 too often.

    Args:
        recognizer: `recognizer.Recognizer`.
        explainer: `gradcam.Explainer`.
        limit_mb: the largest image, in million bytes.
        per_minute: images accepted per minute from one address.
        hosts: host names accepted, without port; None: any.
    """
    result = flask.Flask(__name__, static_folder=PAGE, static_url_path="/page")
    result.request_class = _Request
    result.config["MAX_CONTENT_LENGTH"] = int(limit_mb * MB)
    result.json.sort_keys = False
    result.before_request(functools.partial(_refuse_strangers, hosts))
    result.after_request(_with_headers)
    _add_errors(result)
    limiter = Limiter(
        get_remote_address,
        app=result,
        storage_uri="memory://",
        strategy="moving-window",
        headers_enabled=True,
    )
    too_often = f"more than {per_minute} images per minute; wait a little"
    settings = _settings(recognizer, limit_mb, per_minute)

    @result.get("/")
    def page():
        return result.send_static_file("index.html")

    @result.get("/api/settings")
    def get_settings():
        return settings

    @result.post("/api/predict")
    @limiter.limit(f"{per_minute} per minute", error_message=too_often)
    def predict():
        image = _decode(_uploaded())
        explain = flask.request.args.get("explain") == "1"
        faces = [
            _face(prediction, explainer if explain else None)
            for prediction in recognizer.predict(image)
        ]
        return {"image": {"width": image.width, "height": image.height}, "faces": faces}

    return result


def serve(application, listener, until=None):
    """Serve on a bound socket until the event `until` is set, or an exception (Ctrl-C) ends it.

    Requests of up to twice the application's limit are kept; of larger ones nothing is. All errors
    are JSON.
    """
    import waitress
    from waitress import wasyncore

    from fer2013_tf.webapp import connections

    largest, channels = 2 * application.config["MAX_CONTENT_LENGTH"], {}
    server = waitress.create_server(
        application,
        map=channels,
        sockets=[listener],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        max_request_body_size=largest,
        # Beyond these, requests and responses would go to temporary files.
        inbuf_overflow=largest + 1,
        outbuf_overflow=MAX_RESPONSE,
        ident=None,
    )
    server.channel_class = connections.channel(HEADERS, _too_large(application))
    # It would log every request and every connection that waits for a moment.
    for name in ("waitress", "waitress.queue"):
        logging.getLogger(name).setLevel(logging.ERROR)
    until = until or threading.Event()
    try:
        # server.run() would swallow Ctrl-C and SIGTERM.
        while not until.is_set():
            wasyncore.loop(timeout=0.5, map=channels, count=1)
    finally:
        server.task_dispatcher.shutdown(timeout=2)
        wasyncore.close_all(channels)


def _settings(recognizer, limit_mb, per_minute):
    return {
        "weights": recognizer.weights,
        "size": recognizer.size[:2],
        "classes": style.class_colors(recognizer.classes),
        "calibrated": recognizer.calibrated,
        "limit_mb": limit_mb,
        "per_minute": per_minute,
    }


def _refuse_strangers(hosts):
    """Refuse requests of other sites' pages in the same browser, and foreign host names."""
    host = flask.request.headers.get("Host", "").lower()
    if hosts and re.sub(r":\d+$", "", host) not in hosts:
        flask.abort(403, f"this page is served as {hosts[0]} only")
    origin = flask.request.headers.get("Origin")
    if origin and origin.partition("://")[2].lower() != host:
        flask.abort(403, "the request comes from another site's page")


def _with_headers(response):
    response.headers.update(HEADERS)
    return response


def _add_errors(application):
    @application.errorhandler(HTTPException)
    def refused(error):
        return {"error": error.description}, error.code

    @application.errorhandler(MethodNotAllowed)
    def not_allowed(error):
        allowed = sorted(set(error.valid_methods or ()) - {"HEAD", "OPTIONS"})
        said = f"{flask.request.method} is not answered here; send {' or '.join(allowed)}"
        return {"error": said}, 405, {"Allow": ", ".join(sorted(error.valid_methods or ()))}

    @application.errorhandler(UserError)
    def unreadable(error):
        return {"error": str(error)}, 400


def _uploaded():
    """Return the bytes of the image in the request."""
    request = flask.request
    try:
        if request.mimetype != "multipart/form-data":
            return request.get_data(cache=False)
        files = [file.read() for _, file in request.files.items(multi=True)]
    except RequestEntityTooLarge:
        application = flask.current_app
        if (request.content_length or 0) > application.config["MAX_CONTENT_LENGTH"]:
            flask.abort(413, _too_large(application))
        # Werkzeug limits the fields of a form that are not files.
        flask.abort(400, "the form holds too much besides its file; send the image alone")
    # Browsers send an empty file for a field in which nothing was chosen.
    files = [data for data in files if data]
    if len(files) > 1:
        flask.abort(400, f"{len(files)} files in the form; send one image per request")
    return files[0] if files else b""


def _too_large(application):
    limit = application.config["MAX_CONTENT_LENGTH"] / MB
    return f"larger than {limit:g} MB; make the image smaller"


def _decode(data):
    """Return an upload as an upright PIL image of mode L or RGB; of several frames the first."""
    if not data:
        flask.abort(400, "no image in the request; send its bytes, or a form with a file")
    try:
        return _upright(Image.open(io.BytesIO(data), formats=FORMATS))
    except (HTTPException, UserError):
        raise
    except Image.DecompressionBombError:
        _too_many_pixels()
    except UnidentifiedImageError:
        flask.abort(415, f"not an image; send {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    # Pillow's decoders raise many kinds of errors for damaged files.
    except Exception as error:
        flask.abort(400, f"damaged image ({error or type(error).__name__})")


def _upright(opened):
    if opened.width * opened.height > MAX_PIXELS:
        _too_many_pixels()
    return image_io.upright(opened, "the image")


def _too_many_pixels():
    most = MAX_PIXELS // 1_000_000
    flask.abort(413, f"more than {most} million pixels; make the image smaller")


def _face(prediction, explainer):
    """Return a face for JSON; with an explainer also its Grad-CAM map, None where that is all 0."""
    plain = prediction.as_dict()
    face = {key: plain[key] for key in ("box", "expression", "probabilities")}
    face |= {"confidence": round(prediction.confidence, 6), "crop": _data_url(prediction.crop)}
    if explainer:
        values = explainer.gradcam(prediction.crop, prediction.predicted_class)
        face["gradcam"] = _data_url(_overlay(prediction.crop, values)) if values.any() else None
    return face


def _overlay(crop, values):
    """Return a PIL image of a crop uint8 [h, w] or [h, w, 3] under the colors of values 0..1."""
    from matplotlib import colormaps

    colors = Image.fromarray(np.uint8(255 * colormaps["inferno"](values)[..., :3]))
    blended = Image.blend(Image.fromarray(crop).convert("RGB"), colors, GRADCAM_ALPHA)
    return blended.resize((GRADCAM_SIDE, GRADCAM_SIDE), Image.Resampling.BICUBIC)


def _data_url(image):
    """Return a PIL image or an array as a PNG in a `data:` URL."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
