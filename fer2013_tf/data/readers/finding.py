"""Find the one data set in a folder: a table, a list, arrays, or the tree of images itself."""

import os
from pathlib import Path

from fer2013_tf.data.readers import split_names
from fer2013_tf.faces import image_files
from fer2013_tf.utils import unpacking
from fer2013_tf.utils.errors import UserError

AUTO, TREE, LIST = "auto", "folder", "list_file"
# Files that may hold a data set; archives are looked into where they lie in a folder, not deeper.
TABLES = (".csv", ".tsv", ".txt", ".lst", ".list", ".data")
ARRAYS = (".npy",)
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".tbz2", ".xz", ".txz")
# Of more tables than these, such as a text file beside every image, only the top ones are tried.
_MOST = 100
_SHOWN = 5


def find(root, modules):
    """Return (format, path, notes) of what to read of the folder `root`.

    modules: {format: reader module}. A tree of images goes before lists of its images; where the
    folder holds several data sets otherwise, raises UserError naming them.
    """
    found = image_files.walk(root, lambda name: True).files
    images = [name for name in found if image_files.is_image(name)]
    sources = _sources(root, [name for name in found if not image_files.is_image(name)], modules)
    listed = [f"{name or '.'} ({format})" for format, name in sources]
    if not (_is_tree(images) or modules[TREE].is_known(images)):
        if len(sources) == 1:
            ((format, name),) = sources
            return format, Path(root, name), [f"{root}: {name} is read"] if name else []
    elif all(format == LIST for format, _ in sources) and modules[TREE].is_known(images):
        notes = [f"{root}: {name} is not read; name it as the source to" for _, name in sources]
        return TREE, root, notes
    else:
        listed.append(f"folders of images ({images[0].rpartition('/')[0]}, ...)")
    if not sources:
        return TREE, root, []
    raise UserError(
        f"{root}: holds several data sets: {', '.join(listed[:_SHOWN])}; name one of them, or "
        "give --format folder for a tree of images"
    )


def _is_tree(images):
    """Return whether images are in several folders that do not name splits."""
    folders = {os.path.dirname(name) for name in images}
    names = {os.path.basename(folder) for folder in folders}
    return len([name for name in names if name and not split_names.is_plain(name)]) > 1


def _sources(root, names, modules):
    """Return [(format, name)] of the data sets among files that are no images."""
    tables = [name for name in names if name.lower().endswith(TABLES + ARCHIVES)]
    if len(tables) > _MOST:
        tables = [name for name in tables if "/" not in name]
    arrays = [name for name in names if name.lower().endswith(ARRAYS)]
    found = []
    for name in _folders([*tables, *arrays]):
        format = _format(Path(root, name), modules)
        if format and not any(_below(name, other) for _, other in found):
            found.append((format, name))
    for name in tables:
        if not any(_below(name, folder) for _, folder in found):
            format = _format(Path(root, name), modules)
            if not format and unpacking.is_archive(Path(root, name)):
                format = AUTO
            found += [(format, name)] if format else []
    return found


def _folders(names):
    """Return the folders that files are in, and those above them, from the top down."""
    found = {""}
    for name in names:
        while name := os.path.dirname(name):
            found.add(name)
    return sorted(found)


def _below(name, folder):
    return not folder or name == folder or name.startswith(f"{folder}/")


def _format(path, modules):
    known = (format for format in modules if format != TREE and modules[format].sniff(path))
    return next(known, None)
