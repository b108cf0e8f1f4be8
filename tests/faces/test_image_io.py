"""Reading image files: every mode, 16 and 32 bits, transparency, orientation, huge images.

Other forms of an image than files: test_same_image.py.
"""

import numpy as np
import pytest
from PIL import Image

from fer2013_tf.faces import alignment, image_io
from fer2013_tf.utils.errors import UserError


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA"])
def test_open_image_of_every_mode_can_be_gray(tmp_path, mode):
    Image.new("L", (60, 50), 255).convert(mode).save(tmp_path / "a.tiff")
    crop = alignment.center_crop(image_io.open_image(tmp_path / "a.tiff").image, (48, 48))
    assert crop.shape == (48, 48) and crop.dtype == np.uint8 and crop.min() > 250


@pytest.mark.parametrize("mode", ["I", "F"])
def test_open_image_of_32_bits_is_refused_not_clipped(tmp_path, mode):
    Image.new(mode, (60, 50), 1000).save(tmp_path / "deep.tiff")
    with pytest.raises(UserError, match="deep.tiff: .*32 values from 1000 to 1000"):
        image_io.open_image(tmp_path / "deep.tiff")


def test_open_image_of_16_bits_is_scaled(tmp_path):
    Image.new("I;16", (60, 50), 1000).save(tmp_path / "deep.tiff")
    image = image_io.open_image(tmp_path / "deep.tiff").image
    assert image.mode == "L" and (np.asarray(image) == 1000 // 256).all()


def test_open_image_with_transparency_is_white_there(tmp_path):
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 20, 10))
    clear.save(tmp_path / "clear.png")
    gray = np.asarray(image_io.open_image(tmp_path / "clear.png").image.convert("L"))
    assert gray[:10].max() == 0 and gray[10:].min() == 255


def test_open_image_with_exif_orientation_is_upright(tmp_path):
    image = Image.new("L", (20, 20))
    image.paste(255, (0, 0, 20, 10))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "turned.png", exif=exif)
    upright = np.asarray(image_io.open_image(tmp_path / "turned.png").image)
    assert upright[:10].max() == 0 and upright[10:].min() == 255


def test_open_image_of_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    Image.new("L", (100, 100)).save(tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match="big.png: too many pixels"):
        image_io.open_image(tmp_path / "big.png")
