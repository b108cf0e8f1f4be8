"""The command that serves a page for reading expressions: `python -m fer2013_tf.web`."""

import argparse
import importlib.util
import ipaddress
import socket
import sys

from fer2013_tf import command, explain, recognizer
from fer2013_tf.errors import UserError
from fer2013_tf.recognizer import Recognizer

EXAMPLES = """\
examples:
  python -m fer2013_tf.web --open                  the page, in your browser
  python -m fer2013_tf.web --run lenet --ensemble last5 --tta flip
  python -m fer2013_tf.web --port 0                on any free port
  curl --data-binary @people.jpg http://127.0.0.1:8013/api/read

Pictures are read in memory and not stored; the page loads nothing from elsewhere. Browsers offer
the camera to pages of this machine, and to others only over https.
"""
NEEDS = {"flask": "Flask", "flask_limiter": "Flask-Limiter", "waitress": "waitress"}
EXTRA = 'pip install "fer2013_tf[faces,web]"'


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.web",
        description="Serve a page that reads expressions off pictures and the browser's camera.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_server(result.add_argument_group("where, and how much"))
    who = result.add_argument_group("who answers")
    recognizer.add_weights(who)
    recognizer.add_detector(who)
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
        help="the largest picture taken (default: %(default)g)",
    )
    add(
        "--per-minute",
        type=int,
        metavar="N",
        default=600,
        help="pictures taken from one address in a minute; the camera uses what is there, up to "
        "8 a second (default: %(default)s)",
    )
    add("--open", action="store_true", help="open the page in the browser")


def run(args):
    """Serves until Ctrl-C."""
    _check(args)
    with listen(args.host, args.port) as listener:
        from fer2013_tf import serving

        options = {key: getattr(args, key) for key in ("ckpt", "ensemble", "tta")}
        found = {"faces": "detect", "detector": args.detector, "framing": args.framing}
        with Recognizer(args.run, **options, **found) as reader:
            application = serving.app(
                reader,
                explain.Explainer(reader.members[0]),
                limit_mb=args.limit_mb,
                per_minute=args.per_minute,
                hosts=(*serving.LOCAL, args.host.lower()) if _is_local(args.host) else None,
            )
            _announce(args, listener.getsockname()[1])
            serving.serve(application, listener)


def _check(args):
    missing = [name for module, name in NEEDS.items() if not importlib.util.find_spec(module)]
    if missing:
        raise UserError(f"needs {', '.join(missing)}, which is not installed: {EXTRA}")
    if not 0 <= args.port <= 65535:
        raise UserError(f"--port {args.port}: give 0 to 65535")
    if not args.limit_mb > 0:
        raise UserError(f"--limit-mb {args.limit_mb:g}: give more than 0")
    if args.per_minute < 1:
        raise UserError(f"--per-minute {args.per_minute}: give 1 or more")


def listen(host, port):
    """A socket bound to them. Raises UserError where that cannot be had."""
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
    """The address that `host` spells out; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _address(host, port):
    """Where a browser on this machine finds the page."""
    number = _numeric(host)
    if number and number.is_unspecified:
        host = "127.0.0.1" if number.version == 4 else "::1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _announce(args, port):
    if not _is_local(args.host):
        print(
            f"warning: --host {args.host}: everybody who reaches this address can send pictures; "
            "there is no password, and http hides nothing on its way",
            file=sys.stderr,
        )
    address = _address(args.host, port)
    print(f"ready: {address}  (Ctrl-C ends it)", flush=True)
    if args.open:
        import webbrowser

        webbrowser.open(address)


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
