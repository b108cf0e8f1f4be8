"""List the commands: `python -m fer2013_tf`."""

import ast
import sys
from pathlib import Path

HERE = Path(__file__).parent
# In the order of a first session; the other commands come after them.
ORDER = ("make_records", "train", "eval", "predict", "web")


def commands():
    """Return {command: what it does, in one line}, read from the modules without importing them.

    The first line of a command's docstring reads "Verb ...: `python -m fer2013_tf.NAME`."
    """
    paths = sorted(HERE.glob("[!_]*.py"), key=_place)
    return {path.stem: _purpose(path) for path in paths}


def _place(path):
    return (ORDER.index(path.stem) if path.stem in ORDER else len(ORDER)), path.stem


def _purpose(path):
    document = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return document.partition("\n")[0].partition(": `python")[0]


def main():
    """Print the list. Return the exit status."""
    print("usage: python -m fer2013_tf.COMMAND [options]; --help lists a command's options\n")
    for name, purpose in commands().items():
        print(f"  {name:<15}{purpose}")
    print("\nstart with: python -m fer2013_tf.predict, which reads a sample photograph")
    return 0


if __name__ == "__main__":
    sys.exit(main())
