"""Names that users, lists and files gave, made into names of files that stay in their folder.

folder / names.plain(label)                  one part of a path: never two, never empty
folders = names.unique(labels)               one each, different on every file system
if names.plain(name) != name: raise ...      where a name has to be taken literally

Every such name that becomes part of a path goes through here.
"""

import hashlib
import os
import re
import unicodedata

# Bytes that the usual file systems take of a name.
LONGEST = 255
WINDOWS = os.name == "nt"
_NOT_IN_NAMES = r'[\x00-\x1f<>:"/\\|?*]' if WINDOWS else r"[/\x00]"
# Names of devices on Windows, with and without a suffix.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_DIGEST = 10


def plain(text, *, room=0):
    """Return `text` as the name of a file or folder: one part of a path, visible, not empty.

    room: bytes to keep free for what is appended to it, such as ".png". What file systems do not
    take becomes "_"; a name that is too long is cut, and ends in a digest of the whole. What needs
    no change stays as it is. Bytes that are no text, as `os.fsdecode` gives them, are kept.
    """
    name = re.sub(_NOT_IN_NAMES, "_", _encodable(text))
    # Leading dots hide files, and make "." and ".."; Windows drops dots and spaces at the end.
    name = re.sub(r"\A\.+|[. ]+\Z", "_", name) or "_"
    if name != text:
        name = re.sub(r"\A__+", "_", name)  # hidden too
    return _shortened("_" + name if _DEVICE.fullmatch(name) else name, text, LONGEST - room)


def unique(texts, *, room=0):
    """Return a name for each of `texts` as `plain` makes it, no two the same for a file system.

    The first of several gets the name itself, the others NAME-2, NAME-3, ... as far as these are
    free: a name that another text has by itself is left to it.
    """
    natural = [plain(text, room=room) for text in texts]
    owned, used, counts, result = {fold(name) for name in natural}, set(), {}, []
    for name in natural:
        chosen, key = name, fold(name)
        while fold(chosen) in used or (key in used and fold(chosen) in owned):
            counts[key] = counts.get(key, 1) + 1
            chosen = plain(f"{name}-{counts[key]}", room=room)
        used.add(fold(chosen))
        result.append(chosen)
    return result


def fold(name):
    """Return what is equal for names that some file systems take for one: case, accents."""
    return unicodedata.normalize("NFC", name).casefold()


def _encodable(text):
    """Return `text` without halves of characters, which no file name can hold."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _shortened(name, text, longest):
    if len(os.fsencode(name)) <= longest:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    kept = os.fsencode(name)[: longest - _DIGEST - 1]
    # The cut may go through a character.
    whole = kept.decode("utf-8", "ignore") if _is_text(name) else os.fsdecode(kept)
    return f"{whole}~{digest}"


def _is_text(name):
    return not any("\ud800" <= character <= "\udfff" for character in name)
