"""The pictures in docs/ that show what `predict` and the page make, from pictures free to be shown.

python -m benchmarks.gallery                            # into docs/, about a minute
python -m benchmarks.gallery --out DIR --run lenet

From scikit-image's wheel: astronaut.png (NASA, public domain), alone, beside its mirror image and
turned, as a film, panned and zoomed; camera.png and coffee.png (CC0). Everything goes through the
commands themselves; the page's screenshots take Chromium and Playwright (extra `[dev]`).
"""

import argparse
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

from benchmarks import alternate, film, packaged
from fer2013_tf import checkpoints, explain, predict, recognizer, serving, web

FREE = ("astronaut.png", "camera.png", "coffee.png")
FRAMES = 250
# Name of the file, width of the window, height.
SCREENS = (("page-desktop.png", 1200, 900), ("page-phone.png", 390, 844))


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.gallery",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    packaged.add_cache(result)
    result.add_argument("--out", metavar="DIR", type=Path, default=alternate.ROOT / "docs")
    result.add_argument("--run", metavar="NAME", default=checkpoints.SHIPPED_NAME)
    result.add_argument("--ckpt", metavar="DIR", default="ckpt")
    return result


def album(folder, cache):
    """Writes the pictures into a folder; the astronaut's, and that of several faces, by name."""
    there = {p.name.rpartition("/")[2]: p.image for p in packaged.pictures(cache)}
    for name in FREE:
        there[name].save(folder / name)
    astronaut = there["astronaut.png"].convert("RGB")
    head = astronaut.crop((80, 0, 380, 300))
    several = Image.new("RGB", (900, 300))
    turned = astronaut.rotate(-25, Image.Resampling.BICUBIC).crop((130, 10, 430, 310))
    for place, part in enumerate((head, head.transpose(Image.Transpose.FLIP_LEFT_RIGHT), turned)):
        several.paste(part, (300 * place, 0))
    several.save(folder / "several.png")
    return astronaut, folder / "several.png"


def main(argv=None):
    """Entry point; returns the exit status."""
    args = parser().parse_args(argv)
    who = ["--run", args.run, "--ckpt", args.ckpt]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "album").mkdir()
        astronaut, several = album(scratch / "album", args.cache)
        made = {"sheet": "faces-sheet.png", "annotate": "faces-annotated.png"}
        made |= {"explain": "faces-explained.png", "timeline": "faces-timeline.png"}
        words = [str(scratch / "album"), *who, "--sheet", str(args.out / made["sheet"])]
        words += ["--annotate", str(scratch / "a"), "--explain", str(scratch / "e")]
        moving = scratch / "astronaut.mp4"
        film.make(moving, astronaut, FRAMES)
        filmed = ["--video", str(moving), *who, "--timeline", str(args.out / made["timeline"])]
        if predict.main(words) or predict.main(filmed):
            return 2
        shutil.copy(scratch / "a" / several.name, args.out / made["annotate"])
        shutil.copy(scratch / "e" / "astronaut-1.png", args.out / made["explain"])
        screenshots(args, several)
    print(*sorted(args.out / name for name in made.values()), sep="\n")
    return 0


def screenshots(args, picture):
    """Shows a picture to the page in headless Chromium and writes what it looks like then."""
    from playwright.sync_api import sync_playwright

    listener, ended = web.listen("127.0.0.1", 0), threading.Event()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with recognizer.Recognizer(args.run, ckpt=args.ckpt) as reader:
        inside = explain.Explainer(reader.members[0])
        application = serving.app(reader, inside, limit_mb=10, per_minute=600)
        server = threading.Thread(target=serving.serve, args=(application, listener, ended))
        server.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                for name, width, height in SCREENS:
                    _screenshot(browser, address, picture, args.out / name, (width, height))
        finally:
            ended.set()
            server.join()


def _screenshot(browser, address, picture, path, size):
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(address)
    page.set_input_files("#file", str(picture))
    page.click(".why >> nth=0")
    page.wait_for_selector(".heat:visible img")
    page.screenshot(path=path, full_page=True)
    page.close()
    # A quarter of the bytes, and nothing that is seen.
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    sys.exit(main())
