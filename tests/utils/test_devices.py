"""The choice of the number format."""

import pytest

from fer2013_tf.utils import devices
from fer2013_tf.utils.errors import UserError


@pytest.mark.parametrize(
    "flags, precision, word",
    [
        ("fpu avx2 avx512f", "float32", "neither AMX nor AVX512-BF16"),
        ("fpu avx512f avx512_bf16", "bfloat16", "avx512_bf16"),
        ("fpu avx512_bf16 amx_bf16 amx_tile", "bfloat16", "amx_bf16"),
    ],
)
def test_choose_precision_auto_depends_on_the_cpu(tmp_path, monkeypatch, flags, precision, word):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(devices.platform, "system", lambda: "Linux")
    found = devices.bfloat16_flag(cpuinfo)
    monkeypatch.setattr(devices, "bfloat16_flag", lambda: found)
    chosen, why = devices.choose_precision("auto")
    assert chosen == precision and word in why


def test_bfloat16_flag_on_other_systems(tmp_path, monkeypatch):
    assert devices.bfloat16_flag(tmp_path / "none") is None
    monkeypatch.setattr(devices.platform, "system", lambda: "Darwin")
    assert devices.bfloat16_flag() is None


def test_choose_precision_keeps_a_given_format():
    assert devices.choose_precision("float32") == ("float32", "as asked")
    assert devices.choose_precision("bfloat16") == ("bfloat16", "as asked")
    with pytest.raises(UserError, match="--precision half: known are auto, float32, bfloat16"):
        devices.choose_precision("half")


def test_fft_conv_pays_without_amx_and_gpus(monkeypatch):
    from fer2013_tf.utils.tf1 import tf

    gpus = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    flags = iter((None, "avx512_bf16", "amx_bf16"))
    monkeypatch.setattr(devices, "bfloat16_flag", lambda: next(flags))
    assert [devices.fft_conv_pays("bfloat16") for _ in range(3)] == [True, True, False]
    assert devices.fft_conv_pays("float32") is True
    gpus.append("a GPU")
    assert devices.fft_conv_pays("float32") is False


def test_session_config_allows_growth_on_a_gpu():
    assert devices.session_config().gpu_options.allow_growth


def test_use_cpu_hides_every_gpu(monkeypatch):
    monkeypatch.setenv(devices.VISIBLE, "0,1")
    devices.use("cpu")
    assert devices.os.environ[devices.VISIBLE] == "-1"


@pytest.mark.parametrize(("visible", "device", "then"), [("", "gpu:1", "1"), ("3,5", "gpu:1", "5")])
def test_use_gpu_counts_those_that_are_visible(monkeypatch, visible, device, then):
    from fer2013_tf.utils.tf1 import tf

    monkeypatch.setenv(devices.VISIBLE, visible)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    devices.use(device)
    assert devices.os.environ[devices.VISIBLE] == then
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setenv(devices.VISIBLE, visible)
    with pytest.raises(UserError, match=f"--device {device}: TensorFlow finds no such GPU"):
        devices.use(device)


@pytest.mark.parametrize("device", ["gpu", "cuda:0", "gpu:x", "gpu:-1", "0"])
def test_use_refuses_other_names(monkeypatch, device):
    monkeypatch.setenv(devices.VISIBLE, "")
    with pytest.raises(UserError, match=f"--device {device}: give cpu, or gpu:0"):
        devices.use(device)


def test_use_refuses_a_gpu_beyond_the_visible_ones(monkeypatch):
    monkeypatch.setenv(devices.VISIBLE, "2")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    with pytest.raises(UserError, match="CUDA_VISIBLE_DEVICES=2 allows 1"):
        devices.use("gpu:1")
