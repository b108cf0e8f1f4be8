"""Images of records, to be predicted as files are: `predict --records DIR --rows 17,205`."""

from fer2013_tf.data import records


def read(folder, rows):
    """Return (names, images, descriptions) of images of records by their rows in the source.

    folder: of the records. Images are uint8 [h, w] or [h, w, 3]. A description says split and label
    of an image. Raises UserError for records or rows that are not there.
    """
    record_set = records.RecordSet(folder)
    found, splits = record_set.read_rows(rows)
    classes = record_set.manifest["classes"]
    names = [f"{folder}/row-{row}" for row in rows]
    described = [
        f"{name}: {split}, labeled {classes[label]}"
        for name, split, label in zip(names, splits, found.labels)
    ]
    return names, list(found.images), described
