"""What stands outside the package agrees with it: setup.py, README.md's commands, CHANGELOG.md."""

import importlib
import re
import runpy
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest
import setuptools

import fer2013_tf
from tests import settings_page

ROOT = Path(__file__).parent.parent
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
    assert {"pytest", "ruff"} <= {name.split(">")[0] for name in metadata["extras_require"]["dev"]}


def test_every_package_is_installed(metadata):
    with_code = {path.parent.relative_to(ROOT) for path in (ROOT / "fer2013_tf").rglob("*.py")}
    assert set(metadata["packages"]) == {".".join(folder.parts) for folder in with_code}


def test_all_shipped_weights_are_installed(metadata):
    patterns = metadata["package_data"]["fer2013_tf"]
    shipped = [path for path in (ROOT / "fer2013_tf" / "weights").rglob("*") if path.is_file()]
    assert {"recipe.json", "evaluation.json"} <= {path.name for path in shipped}
    # Not in the repository; installed where `ship` has made it.
    shipped = {*shipped, ROOT / "fer2013_tf" / "weights" / "weights.npz"}
    assert sum(path.stat().st_size for path in shipped if path.exists()) < 8 * 2**20
    for path in shipped:
        name = str(path.relative_to(ROOT / "fer2013_tf"))
        assert any(fnmatch(name, p.replace("**/", "*")) for p in patterns), name


def test_what_is_required_is_pinned(metadata):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    required = metadata["install_requires"] + metadata["extras_require"]["dev"]
    assert {re.split("[<>=]", name)[0].lower() for name in required} <= pinned


def test_changelog_ends_at_this_version():
    latest = re.search(r"^## \[([\d.]+)\]", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert latest[1] == fer2013_tf.__version__


def test_the_page_of_settings_is_as_the_code_has_them():
    """python -m tests.settings_page makes it anew."""
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page()


def test_readme_shows_commands():
    assert {"make_records", "train", "eval", "predict"} <= {command for _, command, _ in CALLS}


@pytest.mark.parametrize(("page", "command", "arguments"), CALLS)
def test_shown_commands_are_accepted(page, command, arguments):
    parser = importlib.import_module(f"fer2013_tf.{command}").parser()
    parser.parse_args(shlex.split(arguments, comments=True))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shown_make_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = re.findall(r"(?:^ +|`)make ([a-z-]+)", text(page), re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text(page)):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
