"""The example of docs/new-net.md is a net that can be trained."""

import re
from pathlib import Path

from fer2013_tf import nets, train
from fer2013_tf.checkpoints import run_folder, storage
from tests import toy

PAGE = Path(__file__).parents[2] / "docs" / "new-net.md"


def test_the_example_of_the_page_trains(records_dir, tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    folder = tmp_path / "nets"
    folder.mkdir()
    (folder / "small.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(nets, "__path__", [*nets.__path__, str(folder)])
    assert "small" in nets.names()
    settings = ("net=small(filters=(8, 16))", "epochs=1")
    assert train.main(toy.arguments(records_dir, tmp_path, settings=settings)) == 0
    (checkpoint,) = run_folder.select_checkpoints(run_folder.Run(tmp_path / "ckpt", "r"), "latest")
    shapes = storage.open_checkpoint(checkpoint.prefix).get_variable_to_shape_map()
    assert shapes["block2/kernel"] == [3, 3, 8, 16]
    assert shapes["logits/kernel"] == [16, 7]
