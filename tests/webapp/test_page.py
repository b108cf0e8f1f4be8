"""The page in headless Chromium: images, keyboard, camera, a phone, colors; nothing leaves it.

Skipped where there is no `chromium`; with CI_BROWSER=1 in the environment that is a failure.
"""

import base64
import os
import shutil
import socket
import threading
from urllib.parse import urlsplit

import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from fer2013_tf.inference import gradcam
from fer2013_tf.inference.recognizer import Recognizer
from fer2013_tf.webapp import server

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
]
LIMIT_MB = 1
# A loaded machine takes long for the first Grad-CAM map.
PATIENCE = 60_000


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory):
    """A photograph of one face, left of the center."""
    file = tmp_path_factory.mktemp("astronaut") / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(file)
    return file


@pytest.fixture(scope="module")
def address(trained_run):
    """Of a page that predicts with the run "r"."""
    with Recognizer("r", ckpt=trained_run / "ckpt", faces="detect") as recognizer:
        explainer = gradcam.Explainer(recognizer)
        application = server.app(recognizer, explainer, limit_mb=LIMIT_MB, per_minute=6000)
        listener, until = socket.create_server(("127.0.0.1", 0)), threading.Event()
        thread = threading.Thread(target=server.serve, args=(application, listener, until))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        until.set()
        thread.join()
        explainer.close()


def chromium():
    path, reason = shutil.which("chromium"), "needs chromium: apt-get install chromium"
    if path is None and os.environ.get("CI_BROWSER") == "1":
        pytest.fail(reason)
    return path or pytest.skip(reason)


@pytest.fixture(scope="module")
def browser(astronaut, tmp_path_factory):
    """Chromium whose camera shows the astronaut, in frames of 640x480."""
    path = chromium()
    video = tmp_path_factory.mktemp("video") / "camera.mjpeg"
    frame = Image.open(astronaut).crop((0, 0, 512, 384)).resize((640, 480))
    frame.save(video, "JPEG", quality=90)
    video.write_bytes(video.read_bytes() * 10)
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={video}"]
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, address):
    """opened(width=..., color_scheme=...) -> the page; afterwards nothing may have left it."""
    asked, complaints, contexts = [], [], []

    def open_page(width=1200, height=900, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height}, permissions=["camera"], **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(address)
        expect(page.locator("#limit")).to_contain_text(f"{LIMIT_MB} MB")
        return page

    yield open_page
    for context in contexts:
        context.close()
    remote = [url for url in asked if urlsplit(url).scheme not in ("data", "blob")]
    assert {urlsplit(url).netloc for url in remote} == {urlsplit(address).netloc}
    assert [
        text for text in complaints if "the server responded with a status of" not in text
    ] == []


def faces(page):
    return page.locator("#faces > li")


def center(page):
    """The box's center as fractions of the image's width and height."""
    # Both at once: while the camera runs, boxes are made again with every reply.
    box, stage = page.evaluate(
        """() => [".box", "#stage"].map((which) => {
            const { x, y, width, height } = document.querySelector(which).getBoundingClientRect();
            return { x, y, width, height };
        })"""
    )
    return [
        (box[start] + box[length] / 2 - stage[start]) / stage[length]
        for start, length in (("x", "width"), ("y", "height"))
    ]


def test_page_with_a_chosen_image_shows_boxes_bars_and_gradcam(opened, astronaut):
    page = opened()
    page.get_by_label("Choose an image").set_input_files(astronaut)
    expect(faces(page)).to_have_count(1)
    expect(page.locator(".box")).to_have_count(1)
    assert center(page) == pytest.approx([0.44, 0.25], abs=0.03)
    expect(page.get_by_role("status")).to_contain_text("1 face found: ")
    expect(page.get_by_role("heading", name="Face 1: ")).to_be_visible()
    names = page.locator(".bars .name").all_inner_texts()
    assert names == ["Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral"]
    numbers = [float(t.removesuffix(" %")) for t in page.locator(".number").all_inner_texts()]
    assert sum(numbers) == pytest.approx(100, abs=0.5)
    widths = page.locator(".fill").evaluate_all(
        "fills => fills.map(f => parseFloat(f.style.width))"
    )
    assert widths == pytest.approx(numbers, abs=0.06)
    why = page.get_by_role("button", name="Where does this come from?")
    why.click()
    gradcam_image = page.get_by_role("img", name="Grad-CAM map for")
    expect(gradcam_image).to_be_visible()
    assert gradcam_image.evaluate("image => image.naturalWidth") == server.GRADCAM_SIDE
    expect(why).to_have_attribute("aria-expanded", "true")
    why.click()
    expect(gradcam_image).to_be_hidden()
    assert page.locator("img:visible").evaluate_all("all => all.every(image => image.alt)")


HAND_OVER = """([kind, data, type]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const moved = new DataTransfer();
    moved.items.add(new File([bytes], "a.png", { type }));
    const options = { bubbles: true, cancelable: true };
    document.body.dispatchEvent(kind === "paste"
        ? new ClipboardEvent(kind, { ...options, clipboardData: moved })
        : new DragEvent(kind, { ...options, dataTransfer: moved }));
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_page_takes_a_dropped_or_pasted_image(opened, astronaut, kind):
    page = opened()
    data = base64.b64encode(astronaut.read_bytes()).decode()
    page.evaluate(HAND_OVER, [kind, data, "image/png"])
    expect(faces(page)).to_have_count(1)
    expect(page.locator("#image")).to_be_visible()


def test_page_works_by_keyboard_alone(opened, astronaut):
    page = opened()
    page.on("filechooser", lambda chooser: chooser.set_files(astronaut))
    seen = "() => parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose an image")).to_be_focused()
    drop = page.locator(".drop")
    assert drop.evaluate("drop => getComputedStyle(drop).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(faces(page)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    page.keyboard.press("Tab")
    why = page.get_by_role("button", name="Where does this come from? Face 1")
    expect(why).to_be_focused()
    assert page.evaluate(seen) >= 2
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="Grad-CAM map for")).to_be_visible()
    expect(why).to_be_focused()


def test_page_shows_errors_and_removes_them(opened, astronaut, tmp_path):
    page = opened()
    alert, file = page.get_by_role("alert"), page.get_by_label("Choose an image")
    (tmp_path / "large.png").write_bytes(bytes(LIMIT_MB * 1_000_000 + 1))
    file.set_input_files(tmp_path / "large.png")
    expect(alert).to_have_text("1.0 MB; at most 1 MB are accepted")
    (tmp_path / "text.png").write_text("no image")
    file.set_input_files(tmp_path / "text.png")
    expect(alert).to_contain_text("Not an image; send JPEG")
    file.set_input_files(astronaut)
    expect(faces(page)).to_have_count(1)
    expect(alert).to_be_hidden()


def test_page_on_a_phone_scrolls_down_only_without_motion(opened, astronaut):
    page = opened(360, 740, reduced_motion="reduce", has_touch=True, is_mobile=True)
    width = "() => document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 360
    page.locator("#file").set_input_files(astronaut)
    page.locator(".why").click()
    expect(page.locator(".gradcam")).to_be_visible()
    assert page.evaluate(width) <= 360
    assert (
        page.locator(".fill").first.evaluate("f => getComputedStyle(f).transitionDuration") == "0s"
    )


def test_page_mirrors_the_camera_and_its_boxes_fit(opened):
    page = opened()
    page.get_by_role("button", name="Use the camera").click()
    expect(faces(page)).to_have_count(1)
    assert (
        page.locator("video").evaluate("v => getComputedStyle(v).transform").startswith("matrix(-1")
    )
    live = center(page)
    assert live == pytest.approx([1 - 0.44, 0.33], abs=0.03)
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.get_by_role("img", name="The camera's last image")).to_be_visible()
    expect(page.locator("video")).to_be_hidden()
    assert center(page) == pytest.approx(live, abs=0.02)
    page.get_by_role("button", name="Where does this come from?").click()
    expect(page.get_by_role("img", name="Grad-CAM map for")).to_be_visible()


# The contrast of every text with its background, WCAG 2.2, sections 1.4.3 and "relative luminance".
CONTRASTS = """() => {
    const parts = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => parts(color).slice(0, 3)
        .map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const background = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        const clear = parts(color).length > 3 && parts(color)[3] === 0;
        return clear ? background(element.parentElement) : color;
    };
    return [...document.querySelectorAll("body *")]
        .filter((e) => e.checkVisibility())
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => {
            const pair = [light(getComputedStyle(e).color), light(background(e))];
            const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
            return [e.textContent.trim().slice(0, 40), ratio];
        });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_text_has_enough_contrast(opened, astronaut, tmp_path, scheme):
    page = opened(color_scheme=scheme)
    first = page.evaluate(CONTRASTS)
    page.locator("#file").set_input_files(astronaut)
    page.locator(".why").click()
    expect(page.locator(".gradcam")).to_be_visible()
    page.mouse.move(0, 0)
    (tmp_path / "text.png").write_text("no image")
    page.locator("#file").set_input_files(tmp_path / "text.png")
    expect(page.get_by_role("alert")).to_be_visible()
    texts = [*first, *page.evaluate(CONTRASTS)]
    assert len(texts) > 40
    assert [(text, ratio) for text, ratio in texts if ratio < 4.5] == []
