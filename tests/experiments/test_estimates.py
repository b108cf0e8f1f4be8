"""The cache of measured speeds: what it is keyed by, and what becomes of a file that is not one."""

import pytest

from fer2013_tf.data import records
from fer2013_tf.experiments import estimates
from fer2013_tf.experiments.plans import Trial
from fer2013_tf.utils import files
from tests import toy

SPEED = estimates.Speed(10, 20, 30, 40.5)


@pytest.fixture
def measured(monkeypatch):
    """Names of the recipes' settings that were measured."""
    calls = []
    monkeypatch.setattr(
        estimates, "measure", lambda recipe, *_, **__: calls.append(recipe) or SPEED
    )
    return calls


def trials(*settings):
    return [Trial(setting, {}, toy.recipe(setting)) for setting in settings]


def speeds(record_set, cache, *settings, precision="float32"):
    return estimates.speeds(trials(*settings), record_set, precision=precision, cache=cache)


def test_speeds_are_measured_once(records_dir, tmp_path, measured):
    record_set, cache = records.RecordSet(records_dir), tmp_path / "new" / "speed.json"
    assert speeds(record_set, cache, "batch_size=16") == {"batch_size=16": SPEED}
    # Neither epochs nor the learning rate change how long a step takes; the batch size does.
    wanted = ("batch_size=16", "epochs=99", "learning_rate=0.5", "batch_size=8")
    assert speeds(record_set, cache, *wanted) == dict.fromkeys(wanted, SPEED)
    assert [recipe.batch_size for recipe in measured] == [16, toy.recipe().batch_size, 8]


def test_speeds_of_another_machine_format_or_size_are_measured(
    records_dir, tmp_path, measured, monkeypatch
):
    cache, record_set = tmp_path / "speed.json", records.RecordSet(records_dir)
    speeds(record_set, cache, "epochs=1")
    speeds(record_set, cache, "epochs=1", precision="bfloat16")
    toy.write_records(tmp_path / "larger", images=48)
    speeds(records.RecordSet(tmp_path / "larger"), cache, "epochs=1")
    assert len(measured) == 3
    monkeypatch.setattr(estimates, "processor", lambda: ("other", 64))
    speeds(record_set, cache, "epochs=1")
    assert len(measured) == 4


@pytest.mark.parametrize(
    "content, said",
    [
        (b"{", "damaged"),
        (b'{"version": 1, "measured": {}}', "checksum"),
        ({"version": 9, "measured": {}}, "not a cache of this version"),
        ({"version": 1, "measured": {"a": {"rate": 1}}}, "not a cache of this version"),
        ({"epochs": []}, "not a cache of this version"),
    ],
)
def test_speeds_pass_over_a_damaged_or_foreign_cache(
    records_dir, tmp_path, measured, capsys, content, said
):
    cache, record_set = tmp_path / "speed.json", records.RecordSet(records_dir)
    if isinstance(content, bytes):
        cache.write_bytes(content)
    else:
        files.write_json(cache, content)
    speeds(record_set, cache, "epochs=1")
    error = capsys.readouterr().err
    assert f"note: {cache}" in error and said in error and len(measured) == 1
    speeds(record_set, cache, "epochs=1")
    assert len(measured) == 1 and "note" not in capsys.readouterr().err


def test_speeds_measured_before_an_interruption_are_kept(records_dir, tmp_path, monkeypatch):
    cache, record_set = tmp_path / "speed.json", records.RecordSet(records_dir)

    def interrupted(recipe, *_, **__):
        if recipe.batch_size == 8:
            raise KeyboardInterrupt
        return SPEED

    monkeypatch.setattr(estimates, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        speeds(record_set, cache, "batch_size=16", "batch_size=8")
    monkeypatch.setattr(estimates, "measure", None)
    assert speeds(record_set, cache, "batch_size=16") == {"batch_size=16": SPEED}


@pytest.mark.parametrize("minutes, seconds", [(None, 250), (2, 120), (10, 250)])
def test_training_seconds_end_at_the_limit(minutes, seconds):
    speed = SPEED._replace(images_per_second=8)
    assert estimates.training_seconds(toy.recipe("epochs=2"), speed, 1000, minutes) == seconds
