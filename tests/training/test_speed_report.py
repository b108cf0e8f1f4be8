"""`train --explain-speed`: a line per convolution, and nothing written."""

from fer2013_tf import train
from tests import toy


def test_explain_speed_prints_a_line_per_convolution(records_dir, tmp_path, capsys):
    more = ("--explain-speed", "--set", "net=resnet18(stages=(8, 16, 16, 32))")
    assert train.main(toy.arguments(records_dir, tmp_path, *more)) == 0
    header, *rows, rest, step = capsys.readouterr().out.splitlines()
    assert header.split() == ["convolution", "way", "expected", "ms", "measured", "ms", "share"]
    assert len(rows) == 1 + 4 * 4 + 3
    by_layer = {row.split()[0]: row.split() for row in rows}
    assert by_layer["stem"][1:5] == ["48x48x1", "->", "24x24x8,", "7x7/2"]
    assert by_layer["stage3_1/conv2"][1:5] == ["3x3x16", "->", "3x3x16,", "3x3"]
    assert {row.split()[5] for row in rows} <= {"direct", "patches", "transform"}
    measured = [float(row.split()[-2]) for row in (*rows, rest)]
    assert min(measured) > 0
    whole = float(step.split(":")[1].split()[0])
    assert abs(sum(measured) - whole) < 0.6 + 0.05 * len(measured)
    assert not (tmp_path / "ckpt").exists() and not (tmp_path / "logs").exists()
