"""The library beside other processes and in many copies: forks, pickle, memory, messages."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest

from fer2013_tf import Explainer, Recognizer
from tests import REPOSITORY

GRAY = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
# What a parent does before it forks, and what its child does. {how}: arguments of a Recognizer.
FORKED = """
import os, signal, sys
import numpy as np
from fer2013_tf import Recognizer, UserError
from fer2013_tf.faces import detectors
gray = np.zeros((48, 48), np.uint8)
def made(faces="none"):
    return Recognizer(faces=faces)
{before}
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        {then}
        print("went on", flush=True)
    except UserError as error:
        print(error, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def forked(before, then):
    code = FORKED.format(before=before, then=then)
    words = [sys.executable, "-c", code]
    ran = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    said, status = ran.stdout.splitlines()
    assert status == "0", "the child was killed by its alarm"
    return said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize(
    ("before", "then"),
    [
        ("used = made(); used.predict(gray)", "used.predict(gray)"),
        ("used = made(); used.close()", "made()"),
        (
            "import tensorflow.compat.v1 as tf; tf.Session(graph=tf.Graph()).list_devices()\n"
            "with tf.Graph().as_default(): tf.Session().run(tf.constant(1) + 1)",
            "made()",
        ),
    ],
    ids=["used", "closed", "tensorflow of others"],
)
def test_recognizer_in_a_fork_after_tensorflow_ran_is_refused(before, then):
    said = forked(before, then)
    assert said.startswith("TensorFlow ran before this process was forked") and "spawn" in said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_recognizer_in_a_fork_before_tensorflow_ran_predicts():
    before = "from fer2013_tf.utils.tf1 import tf"
    assert forked(before, "assert made().predict(gray)") == "went on"


def test_recognizer_and_explainer_copied_and_pickled_are_made_again(trained_run):
    with Recognizer("r", ckpt=trained_run / "ckpt", faces="none", min_confidence=0.5) as first:
        (expected,) = first.predict(GRAY)
        for made in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
            (found,) = made.predict(GRAY)
            np.testing.assert_array_equal(found.probabilities, expected.probabilities)
            assert made.min_confidence == 0.5
            made.close()
        explainer = Explainer(first)
        named = expected.predicted_class
        again = pickle.loads(pickle.dumps(explainer))
        maps = [each.gradcam(expected.crop, named) for each in (explainer, again)]
        np.testing.assert_array_equal(*maps)


@pytest.mark.parametrize("many", [False, True])
def test_recognizer_closed_frees_its_graph(trained_run, many):
    how = {"precision": "bfloat16", "many": many}
    with Recognizer("r", ckpt=trained_run / "ckpt", faces="none", **how) as recognizer:
        recognizer.predict([GRAY] * 2)
    graph = weakref.ref(recognizer._classifiers[0].net.graph)
    del recognizer
    gc.collect()
    assert graph() is None


@pytest.mark.parametrize("level", [None, "3", "0"])
def test_library_prints_nothing_of_tensorflow_unless_asked(level):
    code = "from fer2013_tf.utils.tf1 import tf; import os; tf.Session(graph=tf.Graph())"
    code += "; print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"
    clean = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    env = clean if level is None else {**clean, "TF_CPP_MIN_LOG_LEVEL": level}
    words = [sys.executable, "-c", code]
    ran = subprocess.run(words, cwd=REPOSITORY, env=env, capture_output=True, text=True)
    assert ran.stdout == f"{level}\n"
    assert bool(ran.stderr) == (level == "0")
