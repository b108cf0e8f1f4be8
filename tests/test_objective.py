"""Losses and weight decay against numpy."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from fer2013_tf import objective
from fer2013_tf.errors import UserError
from fer2013_tf.nets import layers


@pytest.fixture(scope="module")
def batch():
    draw = np.random.default_rng(1)
    return draw.normal(size=(16, 7)).astype(np.float32) * 3, np.arange(16) % 7


def value(text, logits, labels, *, gradient=False):
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = tf.constant(logits)
        loss = objective.loss(text, inputs, tf.constant(labels, tf.int64))
        return session.run([loss, tf.gradients(loss, inputs)[0]]) if gradient else session.run(loss)


def log_softmax(logits):
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def test_softmax(batch):
    logits, labels = batch
    expected = -log_softmax(logits)[np.arange(16), labels].mean()
    assert value("softmax", logits, labels) == pytest.approx(expected, rel=1e-5)


def test_label_smoothing(batch):
    logits, labels = batch
    targets = np.eye(7)[labels] * 0.9 + 0.1 / 7
    expected = -(targets * log_softmax(logits)).sum(axis=1).mean()
    assert value("softmax(label_smoothing=0.1)", logits, labels) == pytest.approx(expected, 1e-5)


def test_clipped_weighted_weighs_disgust_by_ten(batch):
    logits, labels = batch
    own = -log_softmax(logits)[np.arange(16), labels]
    expected = (np.where(labels == 1, 10, 1) * own).mean()
    assert value("clipped_weighted", logits, labels) == pytest.approx(expected, rel=1e-4)


def test_clipped_weighted_stays_finite_where_log_would_not():
    logits = np.array([[200.0, -200.0]], np.float32)
    loss, gradient = value(
        "clipped_weighted(weights=(1.0, 1.0))", logits, np.array([1]), gradient=True
    )
    assert loss == pytest.approx(-np.log(1e-10), rel=1e-4)
    assert np.array_equal(gradient, np.zeros_like(logits))


def test_the_ceiling_at_the_batchs_maximum_changes_nothing(batch):
    plain = value("clipped_weighted", *batch, gradient=True)
    ceiling = value("clipped_weighted(batch_ceiling=True)", *batch, gradient=True)
    assert plain[0] == ceiling[0]
    np.testing.assert_array_equal(plain[1], ceiling[1])


def test_refusals(batch):
    with pytest.raises(UserError, match="unknown loss 'hinge'; known: clipped_weighted, softmax"):
        value("hinge", *batch)
    with pytest.raises(UserError, match="2 weights for 7 classes"):
        value("clipped_weighted(weights=(1.0, 2.0))", *batch)


def test_weight_decay_takes_the_kinds_asked_for():
    with tf.Graph().as_default(), tf.Session() as session:
        weights = [
            layers.Weight(tf.constant(v), kind)
            for v, kind in (([3.0], "conv"), ([4.0], "dense"), ([5.0], "output"))
        ]
        decay = lambda kinds, c: session.run(objective.weight_decay(weights, kinds, c))  # noqa: E731
        assert decay(("dense",), 0.5) == pytest.approx(0.5 * 16 / 2)
        assert decay(layers.WEIGHT_KINDS, 1.0) == pytest.approx((9 + 16 + 25) / 2)
        assert decay((), 1.0) == decay(("conv",), 0.0) == 0.0
