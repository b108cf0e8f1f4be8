"""Make records from a source in one pass.

    source = making.open_source("fer2013.csv", resplit="fold(2, folds=5)")
    if not making.is_made(source, out, made_with=made_with):
        manifest, bad_rows = making.make(source, out, made_with=made_with)

Every checked image goes to the records' writer, to the statistics and, if asked for, to a folder of
PNG files. They are put in place only after the whole pass has succeeded.
"""

import contextlib
from pathlib import Path

from fer2013_tf.data import ferplus, readers, records, sinks, splits, statistics
from fer2013_tf.utils import files
from fer2013_tf.utils.errors import UserError

# The chart of class counts is the last file of a set of records that make_records writes.
CHART = "counts.png"


def open_source(
    path,
    format=readers.AUTO,
    *,
    votes=None,
    ferplus_classes=8,
    resplit=splits.OFFICIAL,
    seed=0,
    **options,
):
    """Open a source, join FER+'s votes to it and change its splits: return a `readers.Source`.

    path, format: as of `readers.open_source`. votes: path of fer2013new.csv, or None. resplit,
    seed: as of `splits.apply`. options: those of the format; what is empty is left out, as most
    formats have only some of them. Raises UserError.
    """
    given = {name: value for name, value in options.items() if value}
    source = readers.open_source(path, format, **given)
    if votes:
        source = ferplus.join(source, ferplus.read(votes), votes, classes=ferplus_classes)
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
        )
    return manifest, bad_rows


def is_made(source, out, *, made_with, images=None):
    """Return whether complete records, and images if asked for, of this very source are there."""
    try:
        manifest = records.load_manifest(out)
    except UserError:
        return False
    there = manifest.get("source", {})
    if (there.get("sha256"), there.get("format")) != (source.sha256, source.description["format"]):
        return False
    # Without the chart an earlier run was stopped before its report.
    if not (Path(out) / CHART).exists():
        return False
    if images:
        labels = Path(images) / sinks.LABEL_LIST
        if not labels.exists() or files.file_sha256(labels) != manifest.get("images"):
            return False
    return manifest.get("made_with") == made_with
