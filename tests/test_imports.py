"""Imports point one way: the package's rooms in order, held over the import statements.

A module may import from the rooms above its own, never from its own or from one below. To add a
module, write its name into the highest room that is below everything it imports.
"""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = "fer2013_tf"
ROOT = Path(__file__).parent.parent / PACKAGE

ROOMS = (
    "errors emotions tensorflow1",
    "specs devices command metrics files archives calibration readings pictures window",
    "report faces harms video",
    "sources detectors drawing tracking",
    "detectors.*",
    "sources.folder sources.drawn sources.fer2013_csv sources.arrays ferplus splits",
    "sources.list_file",
    "records tally",
    "shards",
    "plots",
    "plots_of_runs plots_of_faces plots_of_trust",
    "recipes",
    "recipes.*",
    "plans",
    "augment objective optimise summaries nets.layers.spectral nets.layers.moments",
    "nets.layers",
    "nets.layers.*",
    "inputs",
    "queue_inputs",
    "nets",
    "nets.*",
    "graphs",
    "checkpoints",
    "warm_start",
    "inference",
    "evaluation training watching costs trials explain",
    "recognizer serving",
    "following reading_pictures",
    "reading_video",
    "make_records train eval predict runs ship sweep compare contact_sheet robustness web",
)

# Narrower than the order alone: what these may import, and nothing else of the package.
ONLY = {
    "nets.layers.*": "errors tensorflow1 nets.layers nets.layers.moments",
    "nets.layers": "errors tensorflow1 nets.layers.spectral",
    "nets.*": "errors tensorflow1 nets.layers nets.layers.grey",
    "recipes.*": "recipes",
    "sources.*": "errors emotions archives sources sources.folder",
    "sources": "errors emotions faces",
    "ferplus": "errors emotions specs sources",
}

# Commands, and what they need before they know that they have work: importing these (and all that
# they import in turn) does not import TensorFlow, which takes seconds.
WITHOUT_TENSORFLOW = (
    "errors emotions specs metrics report command files archives sources sources.* recipes "
    "recipes.* records shards plots plots_of_runs plans trials faces checkpoints evaluation "
    "make_records train eval predict runs ship sweep compare contact_sheet "
    "ferplus splits tally warm_start calibration readings pictures window tracking video "
    "detectors detectors.* drawing recognizer explain following reading_pictures reading_video "
    "harms robustness web plots_of_faces plots_of_trust"
)
COMMANDS = ROOMS[-1].split()


def modules():
    """Dotted names below the package, "" for the package itself -> syntax tree."""
    trees = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        trees[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return trees


TREES = modules()
NAMES = [name for name in TREES if name]


def imported(node):
    """What one import statement names, as dotted names; modules of the package where they exist."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, f"line {node.lineno}: write the import out, from {PACKAGE} import ..."
    dotted = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name.removeprefix(f"{PACKAGE}.") in TREES else node.module for name in dotted]


def imports(tree, *, at_module_level=False):
    """All imports below `tree`, or only those that run when the module is imported."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found += imported(node)
        elif not (at_module_level and isinstance(node, (ast.FunctionDef, ast.Lambda))):
            found += imports(node, at_module_level=at_module_level)
    return found


def within_package(names):
    """The package's own modules among `names`, without the package's name."""
    return {
        name.removeprefix(PACKAGE).lstrip(".") for name in names if name.split(".")[0] == PACKAGE
    }


def room_of(name):
    """Number of the room `name` stands in, by its own name or by a pattern; None if in none."""
    for matches in (str.__eq__, fnmatch):
        for number, room in enumerate(ROOMS):
            if any(matches(name, entry) for entry in room.split()):
                return number
    return None


def entry_for(table, name):
    """By its own name, or by the first pattern that matches."""
    return table.get(name) or next((v for k, v in table.items() if fnmatch(name, k)), None)


@pytest.mark.parametrize("name", NAMES)
def test_imports_point_upward(name):
    own = room_of(name)
    assert own is not None, f"{name} stands in no room: add it to ROOMS in {Path(__file__).name}"
    for other in sorted(within_package(imports(TREES[name])) - {""}):
        theirs = room_of(other)
        assert theirs is not None and theirs < own, (
            f"{name} (room {own}: {ROOMS[own]}) imports {other}, which is not in a room above it"
        )


def test_tensorflow_is_imported_in_one_place():
    """Elsewhere it would fetch Keras, see tensorflow1."""
    direct = [
        n for n, t in TREES.items() if any(i.split(".")[0] == "tensorflow" for i in imports(t))
    ]
    assert direct == ["tensorflow1"]


@pytest.mark.parametrize("name", [name for name in NAMES if entry_for(ONLY, name) is not None])
def test_some_import_even_less(name):
    allowed = set(entry_for(ONLY, name).split())
    assert within_package(imports(TREES[name])) - {""} <= allowed


def test_commands_are_the_modules_with_a_main():
    with_main = [
        name
        for name, tree in TREES.items()
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
    ]
    assert sorted(with_main) == sorted(COMMANDS)


@pytest.mark.parametrize(
    "name", [n for n in NAMES if any(fnmatch(n, entry) for entry in WITHOUT_TENSORFLOW.split())]
)
def test_no_tensorflow_on_import(name):
    waiting, seen = [name], {}
    while waiting:
        module = waiting.pop()
        outside = imports(TREES[module], at_module_level=True)
        assert not any(n.split(".")[0] == "tensorflow" for n in outside), (
            f"importing {name} imports TensorFlow in {module} ({' < '.join(chain(seen, module))})"
        )
        for other in within_package(outside):
            # Importing a.b runs a/__init__.py too.
            parts = other.split(".")
            for needed in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
                if needed in TREES and needed not in seen and needed != name:
                    seen[needed] = module
                    waiting.append(needed)


def chain(importers, module):
    """`module`, what imported it, what imported that, and so on."""
    while module:
        yield module
        module = importers.get(module)


def test_the_table_names_only_what_exists():
    entries = {entry for room in ROOMS for entry in room.split()}
    gone = [entry for entry in entries if not any(fnmatch(name, entry) for name in NAMES)]
    assert not gone, f"remove from ROOMS: {', '.join(sorted(gone))}"
