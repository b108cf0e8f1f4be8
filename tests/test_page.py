"""The page in headless Chromium: pictures, keyboard, camera, a phone, colours; nothing leaves it.

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

from fer2013_tf import explain, serving
from fer2013_tf.recognizer import Recognizer

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
# A loaded machine takes its time over the first heat map.
PATIENCE = 60_000


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory):
    """A photograph of one face, left of the middle."""
    file = tmp_path_factory.mktemp("astronaut") / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(file)
    return file


@pytest.fixture(scope="module")
def address(whole):
    """Of a page that answers with the run "r"."""
    with Recognizer("r", ckpt=whole / "ckpt", faces="detect") as recognizer:
        explainer = explain.Explainer(recognizer.members[0])
        application = serving.app(recognizer, explainer, limit_mb=LIMIT_MB, per_minute=6000)
        listener, until = socket.create_server(("127.0.0.1", 0)), threading.Event()
        thread = threading.Thread(target=serving.serve, args=(application, listener, until))
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
    film = tmp_path_factory.mktemp("film") / "camera.mjpeg"
    frame = Image.open(astronaut).crop((0, 0, 512, 384)).resize((640, 480))
    frame.save(film, "JPEG", quality=90)
    film.write_bytes(film.read_bytes() * 10)
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={film}"]
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


def middle(page):
    """Where the box's centre is, as shares of the picture's width and height."""
    # Both at once: while the camera runs, boxes are made anew with every answer.
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


def test_a_chosen_picture_gets_boxes_bars_and_a_heat_map(opened, astronaut):
    page = opened()
    page.get_by_label("Choose a picture").set_input_files(astronaut)
    expect(faces(page)).to_have_count(1)
    expect(page.locator(".box")).to_have_count(1)
    assert middle(page) == pytest.approx([0.44, 0.25], abs=0.03)
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
    heat = page.get_by_role("img", name="heat map for")
    expect(heat).to_be_visible()
    assert heat.evaluate("image => image.naturalWidth") == serving.HEAT_SIDE
    expect(why).to_have_attribute("aria-expanded", "true")
    why.click()
    expect(heat).to_be_hidden()
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
def test_a_picture_may_be_dropped_or_pasted(opened, astronaut, kind):
    page = opened()
    data = base64.b64encode(astronaut.read_bytes()).decode()
    page.evaluate(HAND_OVER, [kind, data, "image/png"])
    expect(faces(page)).to_have_count(1)
    expect(page.locator("#picture")).to_be_visible()


def test_the_keyboard_alone_will_do(opened, astronaut):
    page = opened()
    page.on("filechooser", lambda chooser: chooser.set_files(astronaut))
    seen = "() => parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose a picture")).to_be_focused()
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
    expect(page.get_by_role("img", name="heat map for")).to_be_visible()
    expect(why).to_be_focused()


def test_errors_are_said_and_go_away(opened, astronaut, tmp_path):
    page = opened()
    alert, file = page.get_by_role("alert"), page.get_by_label("Choose a picture")
    (tmp_path / "large.png").write_bytes(bytes(LIMIT_MB * 1_000_000 + 1))
    file.set_input_files(tmp_path / "large.png")
    expect(alert).to_have_text("1.0 MB; at most 1 MB are taken")
    (tmp_path / "text.png").write_text("no picture")
    file.set_input_files(tmp_path / "text.png")
    expect(alert).to_contain_text("Not a picture; send JPEG")
    file.set_input_files(astronaut)
    expect(faces(page)).to_have_count(1)
    expect(alert).to_be_hidden()


def test_a_phone_scrolls_down_only_and_motion_may_be_off(opened, astronaut):
    page = opened(360, 740, reduced_motion="reduce", has_touch=True, is_mobile=True)
    width = "() => document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 360
    page.locator("#file").set_input_files(astronaut)
    page.locator(".why").click()
    expect(page.locator(".heat")).to_be_visible()
    assert page.evaluate(width) <= 360
    assert (
        page.locator(".fill").first.evaluate("f => getComputedStyle(f).transitionDuration") == "0s"
    )


def test_the_camera_is_a_mirror_and_its_boxes_fit(opened):
    page = opened()
    page.get_by_role("button", name="Use the camera").click()
    expect(faces(page)).to_have_count(1)
    assert (
        page.locator("video").evaluate("v => getComputedStyle(v).transform").startswith("matrix(-1")
    )
    live = middle(page)
    assert live == pytest.approx([1 - 0.44, 0.33], abs=0.03)
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.get_by_role("img", name="The camera's last picture")).to_be_visible()
    expect(page.locator("video")).to_be_hidden()
    assert middle(page) == pytest.approx(live, abs=0.02)
    page.get_by_role("button", name="Where does this come from?").click()
    expect(page.get_by_role("img", name="heat map for")).to_be_visible()


# The contrast of every text with its ground, WCAG 2.2, sections 1.4.3 and "relative luminance".
CONTRASTS = """() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => parts(colour).slice(0, 3)
        .map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        const clear = parts(colour).length > 3 && parts(colour)[3] === 0;
        return clear ? ground(element.parentElement) : colour;
    };
    return [...document.querySelectorAll("body *")]
        .filter((e) => e.checkVisibility())
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => {
            const pair = [light(getComputedStyle(e).color), light(ground(e))];
            const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
            return [e.textContent.trim().slice(0, 40), ratio];
        });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(opened, astronaut, tmp_path, scheme):
    page = opened(color_scheme=scheme)
    first = page.evaluate(CONTRASTS)
    page.locator("#file").set_input_files(astronaut)
    page.locator(".why").click()
    expect(page.locator(".heat")).to_be_visible()
    page.mouse.move(0, 0)
    (tmp_path / "text.png").write_text("no picture")
    page.locator("#file").set_input_files(tmp_path / "text.png")
    expect(page.get_by_role("alert")).to_be_visible()
    texts = [*first, *page.evaluate(CONTRASTS)]
    assert len(texts) > 40
    assert [(text, ratio) for text, ratio in texts if ratio < 4.5] == []
