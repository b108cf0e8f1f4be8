"""The page's server: a Flask application that reads expressions off pictures it is sent.

application = serving.app(recognizer, explainer, limit_mb=10, per_minute=600)
serving.serve(application, socket.create_server(("127.0.0.1", 8013)))

Pictures are held in memory while they are read, and nowhere else.
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
from PIL import Image, ImageOps, UnidentifiedImageError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from fer2013_tf import calibration, emotions, faces
from fer2013_tf.errors import UserError

PAGE = Path(__file__).parent / "page"
# The names by which a page that only this machine can reach may be asked for. A site whose name is
# made to point to 127.0.0.1 (DNS rebinding) comes with its own name.
LOCAL = ("127.0.0.1", "localhost", "[::1]")
MB = 1_000_000
# What browsers make; each decoder more is more that a damaged file can attack.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MOST_PIXELS = 50_000_000
# Heat maps are drawn this many pixels wide, and their colours cover the face by so much.
HEAT_SIDE, HEAT_COVER = 192, 0.55
THREADS, CONNECTIONS = 4, 30
# Waitress puts larger answers into a temporary file.
LARGEST_ANSWER = 64 * MB
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
    """The Flask application.

    GET / is the page. GET /api/settings tells it the limits, the classes with their colours, and
    who answers. POST /api/read takes a picture, as the body or as the file of a form, and answers
    with a JSON object: the picture's size, and a face each its box in pixels, expression,
    confidence, probabilities and the crop that the net was fed; with ?explain=1 the heat map of
    the likeliest class too. Whatever is refused is {"error": one line}: 400 damaged, 403 from
    another site, 413 too large, 415 no picture, 429 too often.

    Args:
        recognizer: `recognizer.Recognizer`.
        explainer: `explain.Explainer`.
        limit_mb: the largest picture, in millions of bytes.
        per_minute: pictures that are read for one address in a minute.
        hosts: names the page may be asked for by, without port; None: any.
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
    too_often = f"more than {per_minute} pictures a minute; wait a little"
    settings = _settings(recognizer, limit_mb, per_minute)

    @result.get("/")
    def page():
        return result.send_static_file("index.html")

    @result.get("/api/settings")
    def known():
        return settings

    @result.post("/api/read")
    @limiter.limit(f"{per_minute} per minute", error_message=too_often)
    def read():
        image = _decoded(_sent())
        explained = flask.request.args.get("explain") == "1"
        found = [
            _face(reading, explainer if explained else None)
            for reading in recognizer.predict(image)
        ]
        return {"picture": {"width": image.width, "height": image.height}, "faces": found}

    return result


def serve(application, listener, until=None):
    """Answers on a bound socket until the event `until` is set, or an exception (Ctrl-C) ends it.

    What is up to twice the application's limit is still taken, to be refused in JSON.
    """
    import waitress
    from waitress import wasyncore

    largest, channels = 2 * application.config["MAX_CONTENT_LENGTH"], {}
    server = waitress.create_server(
        application,
        map=channels,
        sockets=[listener],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        max_request_body_size=largest,
        # Beyond these, bodies and answers would go to temporary files.
        inbuf_overflow=largest + 1,
        outbuf_overflow=LARGEST_ANSWER,
        ident=None,
    )
    # It would report every request that waits for a moment.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    until = until or threading.Event()
    try:
        # server.run() would keep Ctrl-C and SIGTERM to itself.
        while not until.is_set():
            wasyncore.loop(timeout=0.5, map=channels, count=1)
    finally:
        server.task_dispatcher.shutdown(timeout=2)
        wasyncore.close_all(channels)


def _settings(recognizer, limit_mb, per_minute):
    return {
        "weights": recognizer.weights,
        "size": recognizer.size[:2],
        "classes": emotions.colours(recognizer.classes),
        "calibrated": all(
            member.calibration != calibration.Calibration() for member in recognizer.members
        ),
        "limit_mb": limit_mb,
        "per_minute": per_minute,
    }


def _refuse_strangers(hosts):
    """Other sites' pages in the same browser may neither use this one nor pass for it."""
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

    @application.errorhandler(UserError)
    def unreadable(error):
        return {"error": str(error)}, 400


def _sent():
    """The bytes of the picture in the request."""
    request = flask.request
    try:
        if request.mimetype != "multipart/form-data":
            return request.get_data(cache=False)
        files = list(request.files.values())
    except RequestEntityTooLarge:
        limit = flask.current_app.config["MAX_CONTENT_LENGTH"] / MB
        flask.abort(413, f"larger than {limit:g} MB; make the picture smaller")
    return files[0].read() if files else b""


def _decoded(data):
    """The upright PIL image, mode L or RGB, that an upload holds; of several frames the first."""
    if not data:
        flask.abort(400, "no picture in the request; send its bytes, or a form with a file")
    try:
        return _upright(Image.open(io.BytesIO(data), formats=FORMATS))
    except (HTTPException, UserError):
        raise
    except Image.DecompressionBombError:
        _too_many_pixels()
    except UnidentifiedImageError:
        flask.abort(415, f"not a picture; send {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    # Pillow's decoders raise whatever comes for damaged files.
    except Exception as error:
        flask.abort(400, f"damaged picture ({error or type(error).__name__})")


def _upright(opened):
    if opened.width * opened.height > MOST_PIXELS:
        _too_many_pixels()
    picture = ImageOps.exif_transpose(opened)
    picture.load()
    if min(picture.size) < faces.SMALLEST:
        width, height = picture.size
        flask.abort(400, f"{width}x{height} pixels; a face takes {faces.SMALLEST} at least")
    return faces.grey_or_rgb(picture, "the picture")


def _too_many_pixels():
    most = MOST_PIXELS // 1_000_000
    flask.abort(413, f"more than {most} million pixels; make the picture smaller")


def _face(reading, explainer):
    """What JSON says of a face; with an explainer its heat map too, None where it is all dark."""
    plain = reading.as_dict()
    face = {key: plain[key] for key in ("box", "expression", "probabilities")}
    face |= {"confidence": round(reading.confidence, 6), "crop": _data(reading.crop)}
    if explainer:
        heat = explainer.heat(reading.crop)
        face["heat"] = _data(_over(reading.crop, heat)) if heat.any() else None
    return face


def _over(crop, heat):
    """A crop uint8 [h, w] or [h, w, 3] with heat 0..1 [h, w] in colours over it, as a PIL image."""
    from matplotlib import colormaps

    colours = Image.fromarray(np.uint8(255 * colormaps["inferno"](heat)[..., :3]))
    blended = Image.blend(Image.fromarray(crop).convert("RGB"), colours, HEAT_COVER)
    return blended.resize((HEAT_SIDE, HEAT_SIDE), Image.Resampling.BICUBIC)


def _data(image):
    """A PIL image or an array as a PNG in a `data:` address."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
