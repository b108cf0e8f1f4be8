"""Write the results of an evaluation: as text, as JSON, and predictions as CSV."""

import json
from pathlib import Path

from fer2013_tf.utils import files
from fer2013_tf.utils.outputs import STANDARD_OUTPUT, File


def json_file(path):
    """Return --json for `utils.outputs.check`."""
    return File("--json", None if path == STANDARD_OUTPUT else path)


def text_printer(json_path):
    """Return the function that prints text; it prints none where JSON goes to standard output."""
    return print if json_path != STANDARD_OUTPUT else lambda *_: None


def write_json(path, result):
    """Write JSON to a file, to standard output where `path` is "-", nowhere where it is None."""
    text = json.dumps(result, indent=1)
    if path == STANDARD_OUTPUT:
        print(text)
    elif path:
        files.write_atomically(path, text + "\n")


def files_for_splits(option, path, splits, *, alone):
    """Return the files that `path_for_split` names, for `utils.outputs.check`."""
    if not path:
        return []
    return [File(option, path_for_split(path, split, alone=alone)) for split in splits]


def path_for_split(path, split, *, alone):
    """Return `path` where one split is evaluated alone, else with the split's name in it."""
    path = Path(path)
    return path if alone else path.with_name(f"{path.stem}-{split}{path.suffix}")


def write_predictions(path, evaluation, classes):
    """Write a CSV with a line per image: row, true and predicted class, probabilities.

    evaluation: `ensembles.SplitEvaluation`. row: the 1-based row in the records' source.
    """
    import pandas as pd

    columns = [f"p_{name}" for name in classes]
    table = pd.DataFrame(evaluation.probabilities, columns=columns)
    table.insert(0, "row", evaluation.faces.rows)
    table.insert(1, "true", [classes[label] for label in evaluation.faces.labels])
    table.insert(2, "predicted", [classes[label] for label in evaluation.predicted])
    files.write_atomically(path, table.to_csv(index=False, float_format="%.6f"))
