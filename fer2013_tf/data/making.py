"""Make records from a source in one pass.

    source = making.open_source("fer2013.csv", resplit="fold(2, folds=5)")
    if not making.is_made(source, out, made_with=made_with):
        manifest, bad_rows = making.make(source, out, made_with=made_with)

Every checked image goes to the records' writer, to the statistics and, if asked for, to a folder of
PNG files. They are put in place only after the whole pass has succeeded.
"""

import contextlib
import csv
import hashlib
import json
import os
from pathlib import Path

from fer2013_tf.data import ferplus, readers, records, sinks, splits, statistics
from fer2013_tf.utils import files
from fer2013_tf.utils.errors import UserError

# The chart of class counts is the last file of a set of records that make_records writes.
CHART = "counts.png"
# Entries of a source's description that name it or explain it, and change nothing in the records.
DESCRIBING = ("name", "member", "splits", "ferplus_report")
FERPLUS_CLASSES = 8
_ANY_NAME = {"encoding": "utf-8", "errors": "surrogateescape"}


def open_source(
    path,
    format=readers.AUTO,
    *,
    votes=None,
    ferplus_classes=None,
    resplit=splits.OFFICIAL,
    seed=0,
    **options,
):
    """Open a source, join FER+'s votes to it and change its splits: return a `readers.Source`.

    path, format: as of `readers.open_source`. votes: path of fer2013new.csv, or None. resplit,
    seed: as of `splits.apply`. options: those of the format; what is empty is left out, as most
    formats have only some of them. Raises UserError.
    """
    if not votes:
        # A format that has the votes itself knows what to do with them.
        options["ferplus_classes"] = ferplus_classes
    given = {name: value for name, value in options.items() if value}
    source = readers.open_source(path, format, **given)
    if votes:
        table = ferplus.read(votes)
        source = ferplus.join(source, table, votes, classes=ferplus_classes or FERPLUS_CLASSES)
    return splits.apply(source, resplit, seed)


def make(source, out, *, made_with, images=None, name=None):
    """Write records to the folder `out`, and PNG files to the folder `images` if it is given.

    made_with: the settings, kept in the manifest; of these "shards" and "skip_bad" are used here.
    name: the source's name in messages. Returns (manifest, `sinks.BadRows`). Raises UserError for
    bad rows that may not be skipped, and leaves the folders as they were then.
    """
    bad_rows, counted = sinks.BadRows(), statistics.DatasetStatistics()
    with contextlib.ExitStack() as stack:
        writer = records.Writer(out, classes=source.classes, shards=made_with["shards"])
        stack.enter_context(writer)
        outputs, image_folder = [writer, counted], None
        if images:
            image_folder = stack.enter_context(sinks.ImageFolder(images, source.classes))
            outputs.append(image_folder)
        for example in sinks.with_progress(source):
            for sink in [bad_rows] if isinstance(example, readers.BadRow) else outputs:
                sink.add(example)
        name = name or source.description["format"]
        bad_rows.check(name, kept=len(counted), skip=made_with["skip_bad"])
        # An earlier set's chart would say that this set is complete.
        (Path(out) / CHART).unlink(missing_ok=True)
        manifest = writer.commit(
            source={**source.description, "sha256": source.sha256},
            made_with=made_with,
            report={**counted.report(), "bad_rows": bad_rows.count},
            images=image_folder and image_folder.commit(),
            image_sizes=image_folder and _sizes(images),
        )
    return manifest, bad_rows


def is_made(source, out, *, made_with, images=None, defaults=None):
    """Return whether complete records, and images if asked for, of this very source are there.

    Compared are the source's digest, its classes and description, and all settings `made_with`;
    defaults: values of settings that a manifest of before may lack.
    """
    try:
        manifest = records.load_manifest(out)
    except UserError:
        return False
    # Without the chart an earlier run was stopped before its report.
    if not (Path(out) / CHART).exists():
        return False
    there = manifest.get("source", {})
    # What a reader decided about pixels and splits; text for people may change.
    decided = _as_json(source.description)
    if not _is_within({key: decided[key] for key in decided.keys() - set(DESCRIBING)}, there):
        return False
    if (there.get("sha256"), manifest["classes"]) != (source.sha256, list(source.classes)):
        return False
    if images and not _has_images(Path(images), manifest):
        return False
    return {**_as_json(defaults or {}), **manifest.get("made_with", {})} == _as_json(made_with)


def _is_within(part, whole):
    """Return whether a manifest's entry has all that `part` has; reading the images adds some."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and _is_within(part[key], whole[key]) for key in part)
    return part == whole


def _as_json(values):
    """Return values as they come back from a manifest, tuples as lists."""
    return json.loads(json.dumps(values))


def _has_images(folder, manifest):
    """Return whether the images that belong to a manifest are in a folder, none gone or cut off."""
    labels = folder / sinks.LABEL_LIST
    if not labels.is_file() or files.file_sha256(labels) != manifest.get("images"):
        return False
    sizes = _sizes(folder)
    # Manifests of before have no sizes.
    return sizes is not None and manifest.get("image_sizes", sizes) == sizes


def _sizes(folder):
    """Return a digest of names and sizes of all images in a label list, None where one is gone."""
    with (Path(folder) / sinks.LABEL_LIST).open(newline="", **_ANY_NAME) as file:
        names = [line["path"] for line in csv.DictReader(file)]
    digest = hashlib.sha256()
    try:
        for name in names:
            line = f"{name} {os.path.getsize(os.path.join(folder, name))}\n"
            digest.update(line.encode(**_ANY_NAME))
    except OSError:
        return None
    return digest.hexdigest()
