"""Session settings: number formats of the CPU, memory of the GPU."""

import platform
from pathlib import Path

from fer2013_tf.utils.errors import UserError

PRECISIONS = ("auto", "float32", "bfloat16")
# Instruction sets that multiply bfloat16 pairs, as Linux names them.
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


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
    memory.
    """
    from fer2013_tf.utils.tf1 import tf

    config = tf.ConfigProto(allow_soft_placement=True, inter_op_parallelism_threads=1)
    config.gpu_options.allow_growth = True
    return config
