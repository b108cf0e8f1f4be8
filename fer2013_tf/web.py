"""Serve a page that predicts expressions: `python -m fer2013_tf.web`."""

import argparse
import importlib.util
import ipaddress
import socket
import sys

from fer2013_tf.inference import gradcam, options
from fer2013_tf.inference.recognizer import Recognizer
from fer2013_tf.utils import cli
from fer2013_tf.utils.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.web --open                  the page, in your browser
  python -m fer2013_tf.web --run lenet --ensemble last5 --tta flip
  python -m fer2013_tf.web --port 0                on any free port
  curl --data-binary @people.jpg http://127.0.0.1:8013/api/predict

Images are kept in memory and not stored; the page loads nothing from elsewhere. Browsers offer the
camera to pages of this machine, and to others only over https.
"""
NEEDS = {"flask": "Flask", "flask_limiter": "Flask-Limiter", "waitress": "waitress"}
INSTALL = 'pip install flask waitress Flask-Limiter, or in the clone: pip install -e ".[web]"'


def parser():
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.web",
        description="Serve a page that predicts expressions of images and the browser's camera.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_server(result.add_argument_group("server"))
    cli.add_model_options(result.add_argument_group("weights"))
    options.add_face_options(result.add_argument_group("faces"))
    return result


def _add_server(group):
    add = group.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8013, help="0: any that is free (default: %(default)s)")
    add(
        "--limit-mb",
        type=float,
        metavar="MB",
        default=10.0,
        help="largest image accepted, in million bytes (default: %(default)g)",
    )
    add(
        "--per-minute",
        type=int,
        metavar="N",
        default=600,
        help="images accepted per minute from one address; the camera sends up to 8 per second "
        "(default: %(default)s)",
    )
    add("--open", action="store_true", help="open the page in the browser")


def run(args):
    """Serve until Ctrl-C."""
    _check(args)
    with listen(args.host, args.port) as listener:
        from fer2013_tf.webapp import server

        keys = ("ckpt", "ensemble", "tta", "detector", "alignment")
        how = {key: getattr(args, key) for key in keys}
        with Recognizer(options.chosen_run(args), faces="detect", **how) as recognizer:
            application = server.app(
                recognizer,
                gradcam.Explainer(options.say_calibration(recognizer)),
                limit_mb=args.limit_mb,
                per_minute=args.per_minute,
                hosts=(*server.LOCAL, args.host.lower()) if _is_local(args.host) else None,
            )
            _announce(args, listener.getsockname()[1])
            server.serve(application, listener)


def _check(args):
    missing = [name for module, name in NEEDS.items() if not importlib.util.find_spec(module)]
    if missing:
        raise UserError(f"needs {', '.join(missing)}, which is not installed; {INSTALL}")
    if not 0 <= args.port <= 65535:
        raise UserError(f"--port {args.port}: give 0 to 65535")
    if not args.limit_mb > 0:
        raise UserError(f"--limit-mb {args.limit_mb:g}: give more than 0")
    if args.per_minute < 1:
        raise UserError(f"--per-minute {args.per_minute}: give 1 or more")


def listen(host, port):
    """Return a socket bound to host and port. Raises UserError where that is not possible."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--host {host} --port {port}: {reason}; choose another, port 0 is any that is free"
        ) from None


def _is_local(host):
    address = _numeric(host)
    return address.is_loopback if address else host == "localhost"


def _numeric(host):
    """Return the address that `host` spells out; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _address(host, port):
    """Return the page's URL for a browser on this machine."""
    number = _numeric(host)
    if number and number.is_unspecified:
        host = "127.0.0.1" if number.version == 4 else "::1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _announce(args, port):
    if not _is_local(args.host):
        print(
            f"warning: --host {args.host}: everybody who reaches this address can send images; "
            "there is no password, and http is not encrypted",
            file=sys.stderr,
        )
    address = _address(args.host, port)
    print(f"ready: {address}  (Ctrl-C ends it)", flush=True)
    if args.open:
        import webbrowser

        webbrowser.open(address)


def main(argv=None):
    """Run the command. Return its exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
