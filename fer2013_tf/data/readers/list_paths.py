"""What the paths in a list of images say: where the images are, and in which splits."""

import os
import re
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

from fer2013_tf.data.readers import split_names
from fer2013_tf.faces import image_files
from fer2013_tf.utils import cli, constants
from fer2013_tf.utils.errors import UserError


def splits_of(path, rows):
    """Return (the split of each row, how they were found, lines that say so).

    A column has them, else names of folders or the first word of the files' names: of all images
    or of none. Raises UserError for a name that is no split's.
    """
    given = {row.split for row in rows if row.split is not None}
    if given:
        meanings = split_names.assign(given)
        for row in rows:
            if row.split is not None and meanings[row.split] not in constants.SPLITS:
                raise UserError(
                    f"{path}, line {row.line}: split {row.split!r}, "
                    f"expected {', '.join(constants.SPLITS)}"
                )
        splits = [meanings.get(row.split, constants.TRAINING) for row in rows]
        return splits, "third field, else Training", _said(path, map(_cell, rows), splits)
    names = [_split_name(row.path) for row in rows]
    if not any(names):
        return [constants.TRAINING] * len(rows), "third field, else Training", []
    if not all(names):
        other = rows[names.index(None)]
        raise UserError(
            f"{path}, line {other.line}: {other.path} names no split, as others do "
            f"({next(filter(None, names))}); give each image's split in a third field"
        )
    meanings = split_names.assign(set(names))
    splits = [meanings[name] for name in names]
    return splits, "names in the images' paths", _said(path, names, splits)


def _cell(row):
    return "no split" if row.split is None else row.split


def _said(path, names, splits):
    """Return a line that says what was taken for which split, where the words are not the same."""
    counts = Counter(zip(names, splits))
    if all(name == split for name, split in counts):
        return []
    listed = ", ".join(
        f"{name!r} is {split} ({cli.counted(n, 'image')})"
        for (name, split), n in sorted(counts.items())
    )
    return [f"{path}: splits: {listed}"]


def _split_name(path):
    """Return the word of a path that names a split: the file's first one, or a folder, or None."""
    *folders, file = _posix(path).parts
    first = re.match(r"[^\W\d_]+", file)
    words = [first[0]] if first and first[0] != PurePosixPath(file).stem else []
    return next((word for word in words + folders[::-1] if split_names.is_plain(word)), None)


def _posix(path):
    return PurePosixPath(path.replace("\\", "/"))


def find_images(path, rows):
    """Return (the path of each row's image, lines that say where they are).

    They are relative to the list's own folder. Where none is there, all are looked for by their
    names in the folders below; `1_aligned.jpg` is found for `1.jpg`, as RAF-DB has them.
    """
    root = Path(path).parent
    images = [root / row.path for row in rows]
    if any(os.path.lexists(image) for image in images):
        return images, []
    images = [root / _posix(row.path) for row in rows]
    if any(os.path.lexists(image) for image in images):
        return images, []
    files = _files_below(root)
    found = [files.get(_posix(row.path).name.casefold(), ()) for row in rows]
    if not any(found):
        by_stem = _by_stem(files)
        found = [by_stem.get(_posix(row.path).stem.casefold(), ()) for row in rows]
    return _one_each(path, rows, images, found)


def _one_each(path, rows, images, found):
    for row, files in zip(rows, found):
        if len(files) > 1:
            raise UserError(
                f"{path}, line {row.line}: {row.path} is not there, but "
                f"{len(files)} files are that may be meant, such as {files[0]} and {files[1]}; "
                "move those that are not"
            )
    if not any(found):
        raise UserError(
            f"{path}, line {rows[0].line}: {rows[0].path}: no such file, nor any of the others; "
            "put the list beside the images"
        )
    images = [files[0] if files else image for image, files in zip(images, found)]
    first = next(number for number, files in enumerate(found) if files)
    said = f"{path}: {rows[first].path} is {images[first]}, and so are {sum(map(bool, found)) - 1} "
    return images, [said + "others"]


def _files_below(root):
    """Return {name in lower case: [paths]} of the images in all folders below."""
    found = defaultdict(list)
    for name in image_files.walk(root).files:
        found[PurePosixPath(name).name.casefold()].append(root / name)
    return found


def _by_stem(files):
    """Return {what the name begins with, up to its last word: [paths]}."""
    found = defaultdict(list)
    for name, paths in files.items():
        stem = PurePosixPath(name).stem
        found[stem].extend(paths)
        if cut := re.fullmatch(r"(.+)[_-][a-z]+", stem):
            found[cut[1]].extend(paths)
    return found
