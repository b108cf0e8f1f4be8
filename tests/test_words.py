"""The program and its pages use the field's words: a rule of CONTRIBUTING.md, held by a search."""

import re

import pytest

from tests import REPOSITORY

# Words of before, and British spellings, for which the field has its own: see CONTRIBUTING.md.
OLD = re.compile(
    r"\b(pictures?|likeliest|surest|warmth|films?|anew|grey|colours?|centred?|readings|harmed|harms"
    r"|rungs?|ladder|shadows|a[0-4]_\w+|article a[0-4]|spectral|ledger"
    r"|\w*(normal|standard|equal|initial|serial|optim|recogn)is(e|es|ed|er|ing|ation))\b",
    re.IGNORECASE,
)
# Where an old word is what is meant: the table of old names, and options that changed their name.
MEANT = re.compile(r"legacy\.py|cli\.renamed|`--colour`|optimised? for")
SUFFIXES = {".py", ".md", ".js", ".html", ".toml"}
PLACES = ("fer2013_tf", "docs", "README.md", "CONTRIBUTING.md")


def pages():
    found = []
    for place in PLACES:
        path = REPOSITORY / place
        found += sorted(path.rglob("*")) if path.is_dir() else [path]
    return [p for p in found if p.suffix in SUFFIXES and p.name != "legacy.py"]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_old_words_are_gone(page):
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    found = [
        f"{n}: {line.strip()}" for n, line in lines if OLD.search(line) and not MEANT.search(line)
    ]
    assert not found


def test_the_search_finds_old_words():
    assert (
        OLD.search("a grey picture") and OLD.search("standardised") and OLD.search("see a1_ladder")
    )
    assert not OLD.search("a gray image, standardized, promised, exercise, an optimistic rise")
