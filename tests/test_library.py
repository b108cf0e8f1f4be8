"""The examples of docs/library.md, run one after another as a reader would."""

import re
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from fer2013_tf import checkpoints, ship

PAGE = Path(__file__).parent.parent / "docs" / "library.md"


def test_the_examples_run(whole, tmp_path, monkeypatch, capsys):
    weights = tmp_path / "weights"
    packed = ["--run", "r", "--ckpt", str(whole / "ckpt"), "--out", str(weights)]
    assert ship.main(packed) == 0
    monkeypatch.setattr(checkpoints, "SHIPPED", weights)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(data.astronaut()).save("people.jpg")
    capsys.readouterr()
    names, blocks = {}, re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 6
    said = []
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
        said.append(capsys.readouterr().out)
    assert re.fullmatch(r"\w+ \d+% at 1\d\d,\d\d\n", said[0])
    first, second, third = (line.split(" ", 1)[1] for line in said[1].splitlines())
    assert first == second and third == "[]"
    assert '"picture": "people.jpg"' in said[2]
    assert said[4] == "nobody.jpg: no such file\n"
    assert said[5].startswith("(48, 48) ")


def test_every_name_on_the_page_is_there():
    from fer2013_tf.readings import Reading

    fields = {"probabilities", "scores", "classes", "face", "crop"}
    assert fields <= set(Reading.__dataclass_fields__) and hasattr(Reading, "as_dict")


@pytest.mark.parametrize("option", ["min_confidence", "tta", "faces", "ensemble", "ckpt"])
def test_options_on_the_page_are_options(option):
    import inspect

    from fer2013_tf import Recognizer

    assert option in inspect.signature(Recognizer).parameters
    assert option in PAGE.read_text()
