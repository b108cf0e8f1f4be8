"""The records of the real data: the published figures; needs ../shared/data, takes minutes."""

import re
import subprocess
import sys

import pytest

from fer2013_tf.data import records
from tests import REPOSITORY

ROOT = REPOSITORY


@pytest.fixture(scope="module")
def manifest(real_data, tmp_path_factory):
    """Of records made from the challenge's download, by a process of its own."""
    folder = tmp_path_factory.mktemp("real")
    # The peak is read there: what getrusage says of children includes this process's own size.
    code = "import sys; from pathlib import Path; from fer2013_tf import make_records\n"
    code += "status = make_records.main(sys.argv[1:]); there = Path('/proc/self/status')\n"
    code += "print(there.read_text() if there.exists() else ''); sys.exit(status)"
    ran = subprocess.run(
        [sys.executable, "-c", code, real_data, "--out", folder],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    peak = re.search(r"VmHWM:\s+(\d+) kB", ran.stdout)
    return {**records.load_manifest(folder), "peak_kb": peak and int(peak[1])}


@pytest.mark.slow
class TestRealData:
    """The challenge's download; what is known of it stands in its README."""

    def test_counts(self, manifest):
        counts = {split: list(names.values()) for split, names in manifest["counts"].items()}
        assert counts == {
            "Training": [3995, 436, 4097, 7215, 4830, 3171, 4965],
            "PublicTest": [467, 56, 496, 895, 653, 415, 607],
            "PrivateTest": [491, 55, 528, 879, 594, 416, 626],
        }

    def test_report(self, manifest):
        report = manifest["report"]
        also = {split: len(rows) for split, rows in report.pop("rows_also_in_training").items()}
        assert also == {"PublicTest": 280, "PrivateTest": 288}
        assert report == {
            "faces": 35887,
            "distinct": 34034,
            "in_more_than_one_split": 557,
            "with_different_labels": 57,
            "so_within_one_split": 41,
            "repeated_within": {"Training": 1236, "PublicTest": 26, "PrivateTest": 17},
            "constant": 12,
            "black": 12,
            "bad_rows": 0,
        }

    def test_peak_memory(self, manifest):
        if manifest["peak_kb"] is None:
            pytest.skip("peak memory is read from /proc")
        assert manifest["peak_kb"] < 150_000
