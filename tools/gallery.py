"""Make the figures in docs/ that show the output of `predict` and the web page.

python -m tools.gallery                            # into docs/, about a minute
python -m tools.gallery --out DIR --run lenet

The images are from scikit-image's wheel and free to be shown: astronaut.png (NASA, public domain),
alone, beside a flipped and a rotated copy, and as a video, panned and zoomed; camera.png and
coffee.png (CC0). The figures are made by the commands themselves. Screenshots of the page need
Chromium and Playwright (extra `[dev]`).
"""

import argparse
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

from benchmarks import video
from benchmarks.lib import runner, test_images
from fer2013_tf import predict, web
from fer2013_tf.inference import gradcam, recognizer
from fer2013_tf.utils import constants
from fer2013_tf.webapp.server import app, serve

FREE = ("astronaut.png", "camera.png", "coffee.png")
FRAMES = 250
# File name, width and height of the window.
SCREENS = (("page-desktop.png", 1200, 900), ("page-phone.png", 390, 844))


def parser():
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog="python -m tools.gallery",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    test_images.add_cache(result)
    result.add_argument("--out", metavar="DIR", type=Path, default=runner.ROOT / "docs")
    result.add_argument("--run", metavar="NAME", default=constants.SHIPPED_NAME)
    result.add_argument("--ckpt", metavar="DIR", default="ckpt")
    return result


def album(folder, cache):
    """Write the images into a folder. Return (astronaut, path of an image of several faces)."""
    there = {p.name.rpartition("/")[2]: p.image for p in test_images.images(cache)}
    for name in FREE:
        there[name].save(folder / name)
    astronaut = there["astronaut.png"].convert("RGB")
    head = astronaut.crop((80, 0, 380, 300))
    several = Image.new("RGB", (900, 300))
    turned = astronaut.rotate(-25, Image.Resampling.BICUBIC).crop((130, 10, 430, 310))
    for place, face in enumerate((head, head.transpose(Image.Transpose.FLIP_LEFT_RIGHT), turned)):
        several.paste(face, (300 * place, 0))
    several.save(folder / "several.png")
    return astronaut, folder / "several.png"


def main(argv=None):
    """Make the figures. Return the exit status."""
    args = parser().parse_args(argv)
    who = ["--run", args.run, "--ckpt", args.ckpt]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "album").mkdir()
        astronaut, several = album(scratch / "album", args.cache)
        made = {"overview": "faces-overview.png", "annotate": "faces-annotated.png"}
        made |= {"explain": "faces-explained.png", "timeline": "faces-timeline.png"}
        words = [str(scratch / "album"), *who, "--overview", str(args.out / made["overview"])]
        words += ["--annotate", str(scratch / "a"), "--explain", str(scratch / "e")]
        moving = scratch / "astronaut.mp4"
        video.make(moving, astronaut, FRAMES)
        video_words = ["--video", str(moving), *who, "--timeline", str(args.out / made["timeline"])]
        if predict.main(words) or predict.main(video_words):
            return 2
        shutil.copy(scratch / "a" / several.name, args.out / made["annotate"])
        shutil.copy(scratch / "e" / "astronaut-1.png", args.out / made["explain"])
        screenshots(args, several)
    print(*sorted(args.out / name for name in made.values()), sep="\n")
    return 0


def screenshots(args, image):
    """Open an image in the page with headless Chromium; write screenshots."""
    from playwright.sync_api import sync_playwright

    listener, ended = web.listen("127.0.0.1", 0), threading.Event()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with recognizer.Recognizer(args.run, ckpt=args.ckpt) as opened:
        inside = gradcam.Explainer(opened)
        application = app(opened, inside, limit_mb=10, per_minute=600)
        server = threading.Thread(target=serve, args=(application, listener, ended))
        server.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                for name, width, height in SCREENS:
                    _screenshot(browser, address, image, args.out / name, (width, height))
        finally:
            ended.set()
            server.join()


def _screenshot(browser, address, image, path, size):
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(address)
    page.set_input_files("#file", str(image))
    page.click(".why >> nth=0")
    page.wait_for_selector(".gradcam:visible img")
    page.screenshot(path=path, full_page=True)
    page.close()
    # 256 colors: a quarter of the bytes, with no visible difference.
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    sys.exit(main())
