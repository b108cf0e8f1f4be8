"""The same image in every form: a file, bytes, an open file, a PIL image, an array."""

import io
import pathlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from fer2013_tf.faces import image_io
from fer2013_tf.utils.errors import UserError

GRAY = np.add.outer(np.arange(0, 200, 10), np.arange(0, 48, 2)).astype(np.uint8)
COLOR = np.stack([GRAY, 255 - GRAY, GRAY // 2], axis=-1)
# Files whose array, as Pillow gives it, tells all: no palette, no note on how to show it.
AS_ARRAYS = ["gray.png", "color.png", "photo.jpg", "rgba.png", "la.png", "one-bit.png", "deep.png"]
AS_ARRAYS += ["deep.tiff", "integers.tiff", "floats.tiff", "shares.tiff"]
OPACITY = np.where(GRAY > 120, 0, 255).astype(np.uint8)


def turned(image, orientation):
    """Return an image and the Exif with which it is to be shown."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return image, {"exif": exif}


def saved():
    """{name of a file: (PIL image, options to save it with)}."""
    gray, color = Image.fromarray(GRAY), Image.fromarray(COLOR)
    masked = np.concatenate([COLOR, OPACITY[..., None]], axis=-1)
    deep = GRAY.astype(np.uint16) * 257
    return {
        "gray.png": (gray, {}),
        "color.png": (color, {}),
        "photo.jpg": (color, {}),
        "rgba.png": (Image.fromarray(masked), {}),
        "la.png": (Image.fromarray(np.stack([GRAY, OPACITY], axis=-1)), {}),
        "one-clear-gray.png": (gray, {"transparency": 40}),
        "one-clear-color.png": (color, {"transparency": (0, 255, 0)}),
        "palette.png": (color.convert("P", palette=Image.Palette.ADAPTIVE), {}),
        "clear-palette.gif": (gray.convert("P"), {"transparency": 3}),
        "cmyk.jpg": (color.convert("CMYK"), {}),
        "one-bit.png": (gray.convert("1"), {}),
        "deep.png": (Image.fromarray(deep), {}),
        "deep-one-clear.png": (Image.fromarray(deep), {"transparency": 40 * 257}),
        "deep.tiff": (Image.fromarray(deep), {}),
        "integers.tiff": (Image.fromarray(GRAY.astype(np.int32)), {}),
        "floats.tiff": (Image.fromarray(GRAY.astype(np.float32)), {}),
        "shares.tiff": (Image.fromarray(GRAY.astype(np.float32) / 255), {}),
        "turned.jpg": turned(color, 6),
        "mirrored.png": turned(gray, 2),
        "ycbcr.jpg": (color.convert("YCbCr"), {}),
    }


def forms(path):
    """Yield an image in every form but its name, which gives the expected pixels."""
    data = path.read_bytes()
    yield from (str(path), data, bytearray(data), memoryview(data), io.BytesIO(data))
    used = io.BytesIO(data)
    used.read(7)
    yield used
    with open(path, "rb") as file:
        yield file
    yield Image.open(path)
    loaded = Image.open(path)
    loaded.load()
    yield loaded


@pytest.mark.parametrize("name", saved())
def test_open_image_of_every_form_gives_the_same_pixels(tmp_path, name):
    image, options = saved()[name]
    path = tmp_path / name
    image.save(path, **options)
    expected = image_io.open_image(pathlib.Path(path)).image
    assert expected.mode in ("L", "RGB")
    for form in forms(path):
        opened = image_io.open_image(form).image
        assert opened.mode == expected.mode and opened.size == expected.size
        np.testing.assert_array_equal(np.asarray(opened), np.asarray(expected), str(type(form)))


@pytest.mark.parametrize("name", AS_ARRAYS)
def test_open_image_of_an_array_gives_the_pixels_of_its_file(tmp_path, name):
    image, options = saved()[name]
    image.save(tmp_path / name, **options)
    with Image.open(tmp_path / name) as opened:
        array = np.asarray(opened)
    expected = np.asarray(image_io.open_image(tmp_path / name).image)
    np.testing.assert_array_equal(np.asarray(image_io.open_image(array).image), expected)


@pytest.mark.parametrize(
    "scale, kind", [(1, float), (1, "float32"), (1, "float16"), (1 / 255, float)]
)
@pytest.mark.parametrize("pixels", [GRAY, GRAY[..., None], COLOR])
def test_open_image_of_floats_is_that_of_bytes(pixels, scale, kind):
    expected = np.asarray(image_io.open_image(pixels).image)
    opened = image_io.open_image((pixels * scale).astype(kind)).image
    np.testing.assert_array_equal(np.asarray(opened), expected)


def test_open_image_transparent_is_white_in_arrays_too():
    shares = np.concatenate([COLOR / 255, OPACITY[..., None] / 255], axis=-1)
    pixels = np.asarray(image_io.open_image(shares).image)
    assert (pixels[OPACITY == 0] == 255).all() and (
        pixels[OPACITY == 255] == COLOR[OPACITY == 255]
    ).all()


def test_open_image_of_whole_numbers():
    for kind in ("int8", "int64", ">i4", "uint32"):
        values = (GRAY // 2).astype(kind)
        np.testing.assert_array_equal(np.asarray(image_io.open_image(values).image), GRAY // 2)
    # Ones are whole numbers, not shares of white.
    assert np.asarray(image_io.open_image(np.ones((20, 20), int)).image).max() == 1
    big = GRAY.astype(">u2") * 257
    np.testing.assert_array_equal(np.asarray(image_io.open_image(big).image), GRAY)


@pytest.mark.parametrize(
    "value, kind, said",
    [
        (np.nan, float, "nan"),
        (np.inf, float, "inf"),
        (-0.1, float, "-0.1"),
        (255.5, float, "255.5"),
        (256, int, "256"),
        (-1, "int16", "-1"),
        (1, complex, "complex128"),
        ("x", object, "object"),
    ],
)
def test_open_image_of_values_without_a_known_range_is_refused(value, kind, said):
    values = np.zeros((20, 20), kind)
    values[3, 4] = value
    with pytest.raises(UserError, match=f"^image 3: .*{said}"):
        image_io.open_image(values, "image 3")


@pytest.mark.parametrize(
    "source, said",
    [
        (np.zeros((3, 40, 40)), "shape .3, 40, 40.; expected"),
        (np.zeros(40), "shape .40."),
        (np.zeros((0, 40), np.uint8), "40x0 pixels"),
        (np.zeros((9, 40, 3), np.uint8), "40x9 pixels"),
        (Image.new("RGB", (40, 9)), "40x9 pixels"),
        (None, "NoneType is no image"),
        ({"a": 1}, "dict is no image"),
        (5, "int is no image"),
        (b"", "not an image Pillow can read"),
        (b"GIF89a" + bytes(99), "image 3: "),
        (io.StringIO("text"), "opened as text"),
    ],
)
def test_open_image_of_what_is_no_image_names_it(source, said):
    with pytest.raises(UserError, match=f"^image 3: .*{said}" if said != "image 3: " else said):
        image_io.open_image(source, "image 3")


def test_open_image_of_a_damaged_or_closed_image_is_refused(tmp_path):
    Image.fromarray(np.tile(COLOR, (9, 9, 1))).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    for form in (data[:900], io.BytesIO(data[:900]), Image.open(io.BytesIO(data[:900]))):
        with pytest.raises(UserError, match="^it: damaged image"):
            image_io.open_image(form, "it")
    with open(tmp_path / "a.jpg", "rb") as closed:
        pass
    with pytest.raises(UserError, match="^it: cannot be read"):
        image_io.open_image(closed, "it")


def test_open_image_has_one_limit_of_pixels(tmp_path, monkeypatch):
    large = Image.new("L", (100, 50))
    large.save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2499)
    for form in (tmp_path / "large.png", large, np.asarray(large)):
        with pytest.raises(UserError, match="too many pixels"):
            image_io.open_image(form)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2500)
    for form in (tmp_path / "large.png", large, np.asarray(large)):
        assert image_io.open_image(form).image.size == (100, 50)


@settings(deadline=None, max_examples=60)
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.float32, np.float64, np.bool_]),
        arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=14),
    )
)
def test_open_image_of_any_array_is_an_image_or_a_user_error(array):
    try:
        image = image_io.open_image(array, "it").image
    except UserError as error:
        assert str(error).startswith("it: ") and "\n" not in str(error)
    else:
        assert image.mode in ("L", "RGB") and image.size == array.shape[1::-1]


def test_is_list_of_several_images_and_of_one():
    image = Image.fromarray(GRAY)
    several = [
        *([], [GRAY], (image,), {"a.png"}, iter(["a.png"]), (x for x in "ab")),
        *(np.zeros((2, 48, 48, 1)), np.array(["a.png", "b.png"]), pd.Series(["a.png"])),
    ]
    assert all(map(image_io.is_list, several))
    one = ["a.png", pathlib.Path("a.png"), b"", bytearray(), memoryview(b""), io.BytesIO(), image]
    one += [GRAY, COLOR, {"a": 1}, None, 5, np.float64(3)]
    assert not any(map(image_io.is_list, one))
