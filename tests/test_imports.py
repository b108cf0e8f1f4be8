"""Imports point one way: the packages in one order, each importing only from those above it.

A module's room is its folder. Within a package modules may import each other, but not in a circle.
Commands stand at the top level, below all packages, and never import each other.
"""

import ast

import pytest

from tests import REPOSITORY

PACKAGE = "fer2013_tf"
ROOT = REPOSITORY / PACKAGE

ORDER = [
    "utils",
    "recipes",
    "nets",
    "faces",
    "data",
    "checkpoints",
    "preprocessing",
    "evaluation",
    "training",
    "visualization",
    "inference",
    "webapp",
    "experiments",
]

# Narrower than the order alone: what these packages may import, and nothing else of the program.
ONLY = {
    "nets": {"utils", "nets"},
    "recipes": {"utils", "recipes"},
}

# Importing these, and all that they import in turn, does not import TensorFlow, which takes
# seconds: commands, and what they need before they know that they have work.
NEED_TENSORFLOW = {
    "utils.tf1",
    "nets.*",
    "preprocessing.*",
    "evaluation.eval_graph",
    "evaluation.classifier",
    "evaluation.costs",
    "evaluation.layer_table",
    "training.*",
    "webapp.server",
}
LARGEST_FILE, LARGEST_FUNCTION, USUAL_FUNCTION = 400, 60, 35
MOST_TOP_LEVEL, LONGEST_RUN = 15, 25


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
PACKAGES = sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists())
# Commands that are called by a package's name.
PACKAGE_COMMANDS = ["nets.__main__"]
COMMANDS = [n for n in NAMES if "." not in n and n not in PACKAGES and n != "__main__"]


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
    own = {n.removeprefix(PACKAGE).lstrip(".") for n in names if n.split(".")[0] == PACKAGE}
    return own - {""}


def place(name):
    """Number of the package `name` lives in; commands come after all of them."""
    room = name.split(".")[0]
    return ORDER.index(room) if room in ORDER and name not in PACKAGE_COMMANDS else len(ORDER)


def test_every_package_has_its_place():
    assert sorted(ORDER) == PACKAGES


@pytest.mark.parametrize("name", NAMES)
def test_imports_point_upward(name):
    for other in within_package(imports(TREES[name])):
        same_room = other.split(".")[0] == name.split(".")[0]
        assert same_room or place(other) < place(name), f"{name} imports {other}, below it"


@pytest.mark.parametrize("name", NAMES)
def test_no_circle(name):
    """Counting imports inside functions too: a circle hidden there is still one."""
    waiting, seen = [name], set()
    while waiting:
        module = waiting.pop()
        for other in within_package(imports(TREES[module])):
            # A package's registry imports its members by name, and they import the package.
            assert other != name, f"{name} imports itself by way of {module}"
            if other not in seen:
                seen.add(other)
                waiting.append(other)


@pytest.mark.parametrize("room", ONLY)
def test_some_import_even_less(room):
    for name in NAMES:
        if name.split(".")[0] == room and name not in PACKAGE_COMMANDS:
            rooms = {other.split(".")[0] for other in within_package(imports(TREES[name]))}
            assert rooms <= ONLY[room], name


def test_tensorflow_is_imported_in_one_place():
    """Elsewhere it would fetch Keras, see utils.tf1."""
    direct = [
        n for n, t in TREES.items() if any(i.split(".")[0] == "tensorflow" for i in imports(t))
    ]
    assert direct == ["utils.tf1"]


def may_need_tensorflow(name):
    return name in NEED_TENSORFLOW or f"{name.split('.')[0]}.*" in NEED_TENSORFLOW


@pytest.mark.parametrize("name", [n for n in NAMES if not may_need_tensorflow(n)])
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


def test_commands_are_the_modules_with_a_main():
    with_main = [name for name, tree in TREES.items() if "main" in functions_of(tree)]
    assert sorted(with_main) == sorted([*COMMANDS, *PACKAGE_COMMANDS, "__main__"])
    assert len(COMMANDS) + 2 <= MOST_TOP_LEVEL  # __init__ and __main__ beside them


def functions_of(tree):
    """{name: lines} of a module's own functions."""
    return {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}


def length(node):
    return node.end_lineno - node.lineno + 1


def test_commands_are_thin():
    long = {c: length(functions_of(TREES[c])["run"]) for c in [*COMMANDS, *PACKAGE_COMMANDS]}
    assert not {c: n for c, n in long.items() if n > LONGEST_RUN}


def test_files_and_functions_are_short():
    lengths = {}
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        where = str(path.relative_to(ROOT))
        assert len(text.splitlines()) <= LARGEST_FILE, where
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                lengths[f"{where}:{node.name}:{node.lineno}"] = length(node)
    assert not {name: n for name, n in lengths.items() if n > LARGEST_FUNCTION}
    assert sum(n < USUAL_FUNCTION for n in lengths.values()) >= 0.9 * len(lengths)
