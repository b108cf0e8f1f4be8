"""The examples of docs/library.md, run one after another."""

import re

import pytest
from PIL import Image
from skimage import data

from fer2013_tf import ship
from fer2013_tf.checkpoints import weights as weights_module
from tests import REPOSITORY

PAGE = REPOSITORY / "docs" / "library.md"


def test_library_page_examples_run(trained_run, tmp_path, monkeypatch, capsys):
    weights = tmp_path / "weights"
    packed = ["--run", "r", "--ckpt", str(trained_run / "ckpt"), "--out", str(weights)]
    assert ship.main(packed) == 0
    monkeypatch.setattr(weights_module, "SHIPPED", weights)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(data.astronaut()).save("people.jpg")
    capsys.readouterr()
    names, blocks = {}, re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 6
    printed = []
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
        printed.append(capsys.readouterr().out)
    assert re.fullmatch(r"\w+ \d+% at 1\d\d,\d\d\n", printed[0])
    *same, nothing = (line.split(" ", 1)[1] for line in printed[1].splitlines())
    assert len(same) == 3 and len(set(same)) == 1 and nothing == "[]"
    assert '"image": "people.jpg"' in printed[2]
    assert printed[4] == "nobody.jpg: no such file\n"
    assert printed[5].startswith("(48, 48) ")


def test_library_page_names_exist():
    from fer2013_tf.inference.predictions import Prediction

    fields = {"probabilities", "scores", "classes", "face", "crop"}
    assert fields <= set(Prediction.__dataclass_fields__) and hasattr(Prediction, "as_dict")


@pytest.mark.parametrize("option", ["min_confidence", "tta", "faces", "ensemble", "ckpt"])
def test_library_page_options_exist(option):
    import inspect

    from fer2013_tf import Recognizer

    assert option in inspect.signature(Recognizer).parameters
    assert option in PAGE.read_text()
