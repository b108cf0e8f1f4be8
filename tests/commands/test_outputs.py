"""No command replaces a file that a user made, or writes two outputs to one file."""

import importlib

import pytest

MINE = b"made by hand\n"
COMPARED = "r r:latest --out mine"


@pytest.mark.parametrize(
    ("command", "line", "said"),
    [
        ("eval", "--json mine/a.json", "--json mine/a.json: exists"),
        ("eval", "--predictions mine/p.csv", "--predictions mine/p-PublicTest.csv: exists"),
        ("eval", "--mistakes mine/p.png --split PublicTest", "--mistakes mine/p.png: exists"),
        ("eval", "--predictions new --mistakes new", "the same file as --predictions new-Public"),
        ("robustness", "--plot mine/p.png", "--plot mine/p.png: exists"),
        ("robustness", "--json mine/p.csv --ferplus mine/p.csv --overwrite", "which is read"),
        ("contact_sheet", "--out mine/p.png", "--out mine/p.png: exists"),
        ("compare", COMPARED, "--out mine/accuracy.png: exists"),
        ("ship", "--run r --out mine", "--out mine/recipe.json: exists"),
        ("make_records", "--out mine", "--out mine/manifest.json: exists"),
    ],
)
def test_commands_keep_what_a_user_made(
    trained_run, records_dir, tmp_path, monkeypatch, capsys, command, line, said
):
    monkeypatch.chdir(tmp_path)
    for name in ("a.json", "p-PublicTest.csv", "p.csv", "p.png", "accuracy.png", "recipe.json"):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(MINE)
    (tmp_path / "mine" / "manifest.json").write_bytes(MINE)
    words = line.split()
    if command not in ("make_records", "ship"):
        words += ["--records", str(records_dir)]
    if command not in ("make_records", "contact_sheet"):
        words += ["--ckpt", str(trained_run / "ckpt")]
    assert importlib.import_module(f"fer2013_tf.{command}").main(words) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("error: ") == 1
    assert {path.read_bytes() for path in (tmp_path / "mine").iterdir()} == {MINE}
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
