"""Fixtures of all tests; a quiet TensorFlow, matplotlib without a screen."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["MPLBACKEND"] = "Agg"

import pytest

from tests import REPOSITORY, csv_files, toy

REAL_DATA = REPOSITORY.parent / "shared" / "data" / "fer2013" / "fer2013.tar.gz"


@pytest.fixture(scope="session")
def real_data():
    """The challenge's download, where it is beside the checkout."""
    if not REAL_DATA.exists():
        pytest.skip(f"needs the real data at {REAL_DATA}")
    return REAL_DATA


@pytest.fixture(scope="session")
def records_dir(tmp_path_factory):
    """Records of a few random images."""
    folder = tmp_path_factory.mktemp("toy")
    toy.write_records(folder)
    return folder


@pytest.fixture(scope="session")
def trained_run(records_dir, tmp_path_factory):
    """Root of an uninterrupted run "r" of 4 epochs of 2 steps; do not train it further."""
    from fer2013_tf import train

    root = tmp_path_factory.mktemp("whole")
    assert train.main(toy.arguments(records_dir, root, settings=toy.EVERYTHING)) == 0
    return root


@pytest.fixture
def small_csv(tmp_path):
    """A fer2013.csv of nine random faces, three per split."""
    return csv_files.written(tmp_path, "fer2013.csv", csv_files.csv_of())
