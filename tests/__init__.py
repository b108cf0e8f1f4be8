"""Tests: a folder per package, beside commands/, integration/ and faults/."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
