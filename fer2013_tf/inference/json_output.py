"""Write predictions as JSON, one object after another."""

import json
import sys
from pathlib import Path

from tqdm import tqdm

from fer2013_tf.utils import files, outputs
from fer2013_tf.utils.errors import UserError

STANDARD_OUTPUT = outputs.STANDARD_OUTPUT


def declared(path):
    """Return --json for `outputs.check`. Raises UserError for a name that may be an image's."""
    if path and path != STANDARD_OUTPUT and Path(path).suffix not in (".json", ".jsonl"):
        raise UserError(
            f"--json {path}: name a file that ends in .json or .jsonl, or - for standard output"
        )
    return outputs.File("--json", None if path == STANDARD_OUTPUT else path)


class JsonWriter:
    """Writes dicts as they come: to `-` or FILE.jsonl one per line, to FILE.json as one array.

    Use as a context manager. Objects written before an error or Ctrl-C are kept.
    """

    def __init__(self, path):
        self.path, self.file = path, sys.stdout
        self._array, self._count = Path(path).suffix == ".json", 0

    def __enter__(self):
        if self.path != STANDARD_OUTPUT:
            self.file = open(self.path, "w", encoding="utf-8")
        return self

    def __exit__(self, *_):
        if self.path == STANDARD_OUTPUT:
            return
        with self.file, files.naming(self.path):
            if self._array:
                self.file.write("\n]\n" if self._count else "[]\n")

    def write(self, dicts):
        """Append dicts. OSErrors name the file."""
        with files.naming(self.path), tqdm.external_write_mode(file=self.file):
            for each in dicts:
                self.file.write(self._before() + json.dumps(each) + self._after())
                self._count += 1
            self.file.flush()

    def _before(self):
        if not self._array:
            return ""
        return ",\n" if self._count else "[\n"

    def _after(self):
        return "" if self._array else "\n"
