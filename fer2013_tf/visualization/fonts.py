"""Installed fonts for letters that DejaVu Sans, which comes with matplotlib, does not have."""

import functools
import sys
import unicodedata
from pathlib import Path

import matplotlib
from matplotlib import font_manager, ft2font

from fer2013_tf.utils import cli

DEFAULT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
# First and last code point -> package of Debian and Ubuntu that has a font for them.
PACKAGES = (
    ((0x1100, 0x11FF), "fonts-noto-cjk"),
    ((0x2E80, 0xA4CF), "fonts-noto-cjk"),
    ((0xAC00, 0xD7FF), "fonts-noto-cjk"),
    ((0xF900, 0xFAFF), "fonts-noto-cjk"),
    ((0xFE30, 0xFFEF), "fonts-noto-cjk"),
    ((0x20000, 0x3FFFF), "fonts-noto-cjk"),
    ((0x2190, 0x2BFF), "fonts-symbola"),
    ((0x1F000, 0x1FAFF), "fonts-symbola"),
)
OTHER_PACKAGE = "fonts-noto-core"
SHOWN = 12
# Characters that no font has, and that this was said of.
_told = set()


def drawable(text):
    """Return `text` on one line, as figures show it: what has no shape is left out or escaped.

    Left out are marks that only change others (joiners, directions, variants); escaped are control
    characters and bytes that are no text.
    """
    return cli.printable("".join(c for c in text if not _is_mark(c)))


def files_for(text):
    """Return the fonts, as files, that draw all of `text`, DejaVu Sans first.

    What no installed font has is said on standard error, once.
    """
    missing = frozenset(text) - _characters(DEFAULT)
    return (DEFAULT, *_others(missing)) if missing else (DEFAULT,)


def file_for(text):
    """Return the one font, as a file, that has most letters of `text`; of equals the first."""
    letters = set(text)
    return max(files_for(text), key=lambda file: len(letters & _characters(file)))


def families_for(text):
    """Return the names of the fonts of `files_for`, as matplotlib knows them."""
    names = []
    for file in files_for(text):
        if file != DEFAULT:
            font_manager.fontManager.addfont(str(file))
        names.append(font_manager.FontProperties(fname=str(file)).get_name())
    return names


def package(characters):
    """Return the packages of Debian and Ubuntu that have fonts for characters, as text."""
    found = {
        next((name for (first, last), name in PACKAGES if first <= ord(c) <= last), OTHER_PACKAGE)
        for c in characters
    }
    return ", ".join(sorted(found))


def _is_mark(character):
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"


@functools.lru_cache(maxsize=256)
def _others(missing):
    """Return the files of installed fonts that have the characters `missing`."""
    left, chosen = set(missing), []
    for file in _installed():
        if found := left & _characters(file):
            chosen.append(file)
            left -= found
        if not left:
            break
    if left - _told:
        _tell(left)
    return tuple(chosen)


def _tell(missing):
    _told.update(missing)
    letters = "".join(sorted(missing))
    more = f" and {len(letters) - SHOWN} more" if len(letters) > SHOWN else ""
    print(
        f"note: no installed font has {letters[:SHOWN]}{more}; figures show boxes instead; "
        f"install one, such as {package(missing)} on Debian and Ubuntu",
        file=sys.stderr,
    )


@functools.cache
def _installed():
    """Return the files of all installed fonts, plain ones without serifs first.

    matplotlib's own list may be older than the fonts.
    """
    found = [Path(file) for file in font_manager.findSystemFonts()]
    return sorted(found, key=lambda file: (_strangeness(file.stem.lower()), file.name))


def _strangeness(name):
    styles = ("bold", "italic", "oblique", "serif", "mono", "light", "black", "thin", "condensed")
    return sum(word in name for word in styles)


@functools.cache
def _characters(file):
    """Return the characters that a font has; none of fonts that cannot be drawn in any size."""
    try:
        font = ft2font.FT2Font(str(file))
        return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
    # FreeType's errors come as whatever kind.
    except Exception:
        return frozenset()
