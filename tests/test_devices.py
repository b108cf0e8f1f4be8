"""The choice of the number format."""

import pytest

from fer2013_tf import devices
from fer2013_tf.errors import UserError


@pytest.mark.parametrize(
    "flags, precision, word",
    [
        ("fpu avx2 avx512f", "float32", "neither AMX nor AVX512-BF16"),
        ("fpu avx512f avx512_bf16", "bfloat16", "avx512_bf16"),
        ("fpu avx512_bf16 amx_bf16 amx_tile", "bfloat16", "amx_bf16"),
    ],
)
def test_auto_goes_by_the_cpu(tmp_path, monkeypatch, flags, precision, word):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(devices.platform, "system", lambda: "Linux")
    found = devices.bfloat16_flag(cpuinfo)
    monkeypatch.setattr(devices, "bfloat16_flag", lambda: found)
    chosen, why = devices.choose_precision("auto")
    assert chosen == precision and word in why


def test_nothing_is_known_of_other_systems(tmp_path, monkeypatch):
    assert devices.bfloat16_flag(tmp_path / "none") is None
    monkeypatch.setattr(devices.platform, "system", lambda: "Darwin")
    assert devices.bfloat16_flag() is None


def test_a_format_asked_for_stays():
    assert devices.choose_precision("float32") == ("float32", "as asked")
    assert devices.choose_precision("bfloat16") == ("bfloat16", "as asked")
    with pytest.raises(UserError, match="--precision half: known are auto, float32, bfloat16"):
        devices.choose_precision("half")


def test_the_rewrite_is_on_for_bfloat16_only():
    name = "auto_mixed_precision_onednn_bfloat16"
    for precision, on in (("float32", 0), ("bfloat16", 1)):
        config = devices.session_config(precision)
        assert getattr(config.graph_options.rewrite_options, name) == on
        assert config.gpu_options.allow_growth
