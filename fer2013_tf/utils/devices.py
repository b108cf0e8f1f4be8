"""Session settings: number formats of the CPU, memory of the GPU."""

import os
import platform
from pathlib import Path

from fer2013_tf.utils import forks
from fer2013_tf.utils.errors import UserError

CPU = "cpu"
PRECISIONS = ("auto", "float32", "bfloat16")
VISIBLE = "CUDA_VISIBLE_DEVICES"
# Instruction sets that multiply bfloat16 pairs, as Linux names them.
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


def use(device):
    """Let TensorFlow compute on one device only; to be called before its first session.

    device: "cpu", or "gpu:N" for the N-th GPU, from 0, of those that CUDA_VISIBLE_DEVICES names, or
    of all. Raises UserError for another name, and for a GPU that is not there.
    """
    if device == CPU:
        os.environ[VISIBLE] = "-1"
        return
    kind, _, number = device.partition(":")
    if kind != "gpu" or not (number.isascii() and number.isdecimal()):
        raise UserError(f"--device {device}: give cpu, or gpu:0, gpu:1, ...")
    # As nvidia-smi numbers them; otherwise the fastest would be the first.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    allowed, number = [n for n in os.environ.get(VISIBLE, "").split(",") if n], int(number)
    if allowed and number >= len(allowed):
        raise UserError(f"--device {device}: {VISIBLE}={','.join(allowed)} allows {len(allowed)}")
    os.environ[VISIBLE] = allowed[number] if allowed else str(number)
    from fer2013_tf.utils.tf1 import tf

    if not tf.config.list_physical_devices("GPU"):
        raise UserError(f"--device {device}: TensorFlow finds no such GPU; try cpu")


def bfloat16_flag(cpuinfo=Path("/proc/cpuinfo")):
    """Return the first of BFLOAT16_FLAGS that this CPU has; None for no flag or an unknown CPU."""
    if platform.system() != "Linux" or not cpuinfo.exists():
        return None
    flags = set(cpuinfo.read_text().split())
    return next((flag for flag in BFLOAT16_FLAGS if flag in flags), None)


def choose_precision(wanted):
    """Return ("bfloat16" or "float32", why) for one of PRECISIONS. Raises UserError for another."""
    if wanted not in PRECISIONS:
        raise UserError(f"--precision {wanted}: known are {', '.join(PRECISIONS)}")
    if wanted != "auto":
        return wanted, "as asked"
    flag = bfloat16_flag()
    if flag is None:
        return "float32", "the CPU has neither AMX nor AVX512-BF16"
    return "bfloat16", f"the CPU has {flag}; --precision float32 repeats bit for bit"


def fft_conv_pays(precision):
    """Return whether convolutions are faster by Fourier transforms (nets/layers/fft_conv.py).

    They are on CPUs, except in bfloat16 on a CPU with AMX, whose tiles compute the direct products
    faster than memory can feed the transforms. On a GPU cuDNN chooses its own method.
    """
    from fer2013_tf.utils.tf1 import tf

    if tf.config.list_physical_devices("GPU"):
        return False
    return precision == "float32" or bfloat16_flag() != "amx_bf16"


def session_config():
    """Return a ConfigProto: GPU memory grows as needed; one operation at a time, on all cores.

    Operations of a training step are large enough to use all cores; two at once would contend for
    memory. Raises UserError in a process where no session can run, see `forks.use`.
    """
    from fer2013_tf.utils.tf1 import tf

    forks.use()
    config = tf.ConfigProto(allow_soft_placement=True, inter_op_parallelism_threads=1)
    config.gpu_options.allow_growth = True
    return config
