"""Session settings: number formats of the CPU, memory of the GPU."""

import platform
from pathlib import Path

from fer2013_tf.errors import UserError

PRECISIONS = ("auto", "float32", "bfloat16")
# Instruction sets that multiply bfloat16 pairs, as Linux names them.
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


def bfloat16_flag(cpuinfo=Path("/proc/cpuinfo")):
    """The first of BFLOAT16_FLAGS this CPU has, or None (also where that cannot be found out)."""
    if platform.system() != "Linux" or not cpuinfo.exists():
        return None
    flags = set(cpuinfo.read_text().split())
    return next((flag for flag in BFLOAT16_FLAGS if flag in flags), None)


def choose_precision(wanted):
    """`auto` -> ("bfloat16" | "float32", why); a given format stays. Raises UserError otherwise."""
    if wanted not in PRECISIONS:
        raise UserError(f"--precision {wanted}: known are {', '.join(PRECISIONS)}")
    if wanted != "auto":
        return wanted, "as asked"
    flag = bfloat16_flag()
    if flag is None:
        return "float32", "the CPU has neither AMX nor AVX512-BF16"
    return "bfloat16", f"the CPU has {flag}; --precision float32 repeats bit for bit"


def session_config(precision="float32"):
    """A ConfigProto: GPU memory grows as needed; bfloat16 by oneDNN's graph rewrite.

    Variables, their updates and the loss stay float32 under the rewrite; convolutions, matrix
    products and batch normalization take bfloat16.
    """
    import tensorflow.compat.v1 as tf
    from tensorflow.core.protobuf import rewriter_config_pb2

    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    if precision == "bfloat16":
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision_onednn_bfloat16 = rewriter_config_pb2.RewriterConfig.ON
    return config
