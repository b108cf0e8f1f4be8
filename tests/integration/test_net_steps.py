"""`benchmarks.train_step --net`: options, candidates, ratios, and that both have the same nets."""

import ast
import json
import math
import subprocess
import sys

import pytest

from benchmarks import train_step
from benchmarks.baselines import common
from benchmarks.lib import net_steps, runner
from fer2013_tf import nets
from tools import golden_lists

TORCH_NETS = runner.ROOT / "benchmarks" / "baselines" / "torch_nets.py"
# On the device meta, nets have shapes without values.
COUNT = """
import json, torch
from benchmarks.baselines.torch_nets import NETS
with torch.device("meta"):
    print(json.dumps({n: sum(p.numel() for p in NETS[n]().parameters()) for n in NETS}))
"""
RATES = {"ours bfloat16": 300, "ours float32": 150, "PyTorch bfloat16": 100, "PyTorch float32": 75}


@pytest.fixture
def measured(monkeypatch):
    """Candidates' results without running them; ours takes 500 MB, PyTorch 400."""

    def run(candidate):
        faster = 2 if "vgg" in candidate.arguments and candidate.name.startswith("ours") else 1
        return {
            "images_per_second": RATES[candidate.name] * faster,
            "parameters": 1234567,
            "peak_mb": 500 if candidate.name.startswith("ours") else 400,
        }

    monkeypatch.setattr(runner, "_run", run)
    monkeypatch.setattr(runner, "PEERS", TORCH_NETS)  # any file that exists


def test_parser_takes_names_and_all():
    def chosen(*words):
        return train_step.parser().parse_args(words)

    assert chosen().net is None and chosen().batches == [128, 256]
    assert chosen("--net", "all").net == nets.names()
    assert chosen("--net", "vgg,lenet,vgg").net == ["vgg", "lenet"]
    assert chosen("--batches", "32").batches == [32]


@pytest.mark.parametrize("text", ["resnet", "vgg,", ""])
def test_parser_refuses_an_unknown_net(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        train_step.parser().parse_args(["--net", text])
    assert "known: all, blocks, cliquenet" in capsys.readouterr().err


def test_candidates_differ_in_framework_and_format_alone():
    found = net_steps.candidates("vgg", 32, 1.5)
    assert sorted(c.name for c in found) == sorted(RATES)
    for candidate in found:
        name, precision = candidate.name.split()
        python = {"ours": sys.executable, "PyTorch": str(runner.PEERS)}[name]
        given = dict(zip(candidate.arguments[::2], candidate.arguments[1::2]))
        assert candidate.python == python
        assert given == {
            "--net": "vgg",
            "--batch": 32,
            "--precision": precision,
            "--seconds": 1.5,
        }


def test_common_parameters_ends_the_run_where_they_differ():
    def runs(theirs):
        return {"ours x": [{"parameters": 7}] * 2, "PyTorch x": [{"parameters": theirs}]}

    assert net_steps.common_parameters("vgg", runs(7)) == 7
    with pytest.raises(SystemExit, match=r"vgg: .*differ: ours x \[7\], PyTorch x \[8\]"):
        net_steps.common_parameters("vgg", runs(8))


def test_main_prints_and_writes_ratios_peaks_and_parameters(measured, tmp_path, capsys):
    files = [tmp_path / "f.json", tmp_path / "f.png"]
    words = ["--net", "vgg,deepnn,lenet", "--batches", "32,64", "--rounds", "2"]
    assert train_step.main([*words, "--json", str(files[0]), "--plot", str(files[1])]) == 0
    saved = json.loads(files[0].read_text())
    of = saved["nets"]["vgg"]["batches"]["64"]
    assert saved["machine"]["cores"] >= 1 and saved["nets"]["vgg"]["parameters"] == 1234567
    assert of["ratios"] == {"bfloat16": 6, "float32": 4}
    assert of["figures"]["PyTorch float32"] == {
        "median": 75,
        "low": 75,
        "high": 75,
        "runs": [75, 75],
        "peak_mb": 400,
    }
    assert saved["over all nets"]["32"] == {
        "bfloat16": {"median": 3, "lowest": 3, "net": "deepnn"},
        "float32": {"median": 2, "lowest": 2, "net": "deepnn"},
    }
    text = capsys.readouterr().out
    row = next(line for line in text.splitlines() if line.split()[:3:2] == ["vgg", "bfloat16"])
    expected = "vgg 1,234,567 bfloat16 600 (600 to 600) 100 (100 to 100) 6.00 500 400"
    assert " ".join(row.split()) == expected
    assert "bfloat16: 3.00 times PyTorch on the median of 3 nets, at least 3.00 (deepnn)" in text
    assert files[1].stat().st_size > 1000


def test_main_measures_lenet_in_all_frameworks_without_net(monkeypatch):
    monkeypatch.setattr(runner, "PEERS", TORCH_NETS)
    ran = []
    monkeypatch.setattr(
        runner, "_run", lambda c: ran.append(c) or {"images_per_second": 1, "parameters": 2}
    )
    assert train_step.main(["--rounds", "1", "--batches", "8"]) == 0
    assert {c.name for c in ran} >= {"ours bfloat16", "Keras jit", "feed_dict float32"}
    assert not any("--net" in c.arguments for c in ran)


def table_of_torch_nets():
    """The names in `torch_nets.NETS`, read without PyTorch."""
    tree = ast.parse(TORCH_NETS.read_text())
    values = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    (table,) = (value for value in values if isinstance(value, ast.DictComp))
    return [name.id for name in table.generators[0].iter.elts]


def test_every_net_has_a_torch_module():
    assert set(nets.names()) <= set(table_of_torch_nets())


def test_torch_modules_have_the_parameters_of_the_golden_lists():
    """Held where `make bench-env` was run; `train_step --net` checks it in every run."""
    if not runner.PEERS.exists():
        pytest.skip("needs PyTorch: make bench-env")
    line = [str(runner.PEERS), "-c", COUNT]
    counted = json.loads(subprocess.check_output(line, cwd=runner.ROOT, env=runner.environment()))
    assert {net: counted[net] for net in nets.names()} == {net: golden(net) for net in nets.names()}


def golden(net):
    """The number of trainable parameters in a golden list."""
    listed = (golden_lists.FOLDER / f"{net}.txt").read_text().split()
    shapes = [line.partition(":")[2] for line in listed if "/moving_" not in line]
    return sum(math.prod(int(size) for size in shape.split("x") if size) for shape in shapes)


def test_measure_of_slow_and_of_fast_steps(monkeypatch):
    """A slow step is run LEAST times each for warm-up and measurement, a fast one WARM_UP times."""
    clock, ran = [0.0], []
    monkeypatch.setattr(common.time, "perf_counter", lambda: clock[0])

    def step(seconds):
        ran.append(seconds)
        clock[0] += seconds

    assert common.measure(lambda: step(50.0), 100, 8) == 2 and len(ran) == 2 * common.LEAST
    ran.clear()
    assert common.measure(lambda: step(0.25), 1, 8) == 4 and len(ran) == common.WARM_UP + 32
    ran.clear()
    assert common.measure(lambda: step(1.0), 1, 8) == 1 and len(ran) == 4 + 8


def test_report_refuses_another_net_and_an_infinite_loss(capsys):
    common.report(rate=2.0, parameters=5, net="vgg", loss=1.5)
    printed = json.loads(capsys.readouterr().out)
    assert printed["images_per_second"] == 2 and printed["parameters"] == 5
    with pytest.raises(AssertionError, match="5 trainable parameters"):
        common.report(rate=2.0, parameters=5)
    with pytest.raises(AssertionError, match="loss is nan"):
        common.report(rate=2.0, parameters=5, net="vgg", loss=math.nan)
