"""Losses and weight decay against numpy."""

import numpy as np
import pytest

from fer2013_tf.nets import layers
from fer2013_tf.training import losses
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

ARTICLE = "clipped_weighted(weights=(1.0, 10.0, 1.0, 1.0, 1.0, 1.0, 1.0))"


@pytest.fixture(scope="module")
def batch():
    draw = np.random.default_rng(1)
    return draw.normal(size=(16, 7)).astype(np.float32) * 3, np.arange(16) % 7


def value(text, logits, labels, *, gradient=False):
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = tf.constant(logits)
        targets = np.eye(logits.shape[1], dtype=np.float32)[labels]
        counts = np.bincount(labels, minlength=logits.shape[1]).tolist()
        loss = losses.loss(text, inputs, tf.constant(targets), counts=counts)
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
    assert value(ARTICLE, logits, labels) == pytest.approx(expected, rel=1e-4)


def test_clipped_weighted_stays_finite_where_log_would_not():
    logits = np.array([[200.0, -200.0]], np.float32)
    loss, gradient = value(
        "clipped_weighted(weights=(1.0, 1.0))", logits, np.array([1]), gradient=True
    )
    assert loss == pytest.approx(-np.log(1e-10), rel=1e-4)
    assert np.array_equal(gradient, np.zeros_like(logits))


def test_the_ceiling_at_the_batchs_maximum_changes_nothing(batch):
    plain = value(ARTICLE, *batch, gradient=True)
    ceiling = value(ARTICLE.replace("(", "(batch_ceiling=True, ", 1), *batch, gradient=True)
    assert plain[0] == ceiling[0]
    np.testing.assert_array_equal(plain[1], ceiling[1])


def soft(text, logits, targets, counts=None):
    with tf.Graph().as_default(), tf.Session() as session:
        given = tf.constant(logits, tf.float32), tf.constant(targets, tf.float32)
        return session.run(losses.loss(text, *given, counts=counts or [1] * 7))


@pytest.fixture(scope="module")
def shares():
    return np.random.default_rng(2).dirichlet(np.ones(7), 16)


def test_softmax_of_shares_and_weights(batch, shares):
    logits, _ = batch
    weights = np.arange(1.0, 8.0)
    smoothed = shares * 0.8 + 0.2 / 7
    expected = -(weights * smoothed * log_softmax(logits)).sum(axis=1).mean()
    text = f"softmax(label_smoothing=0.2, weights={tuple(weights.tolist())})"
    assert soft(text, logits, shares) == pytest.approx(expected, 1e-5)


def test_sigmoid(batch, shares):
    logits = batch[0].astype(np.float64)
    of_class = -np.log(1 / (1 + np.exp(-logits))), -np.log(1 / (1 + np.exp(logits)))
    expected = (shares * of_class[0] + (1 - shares) * of_class[1]).sum(axis=1).mean()
    assert soft("sigmoid", logits, shares) == pytest.approx(expected, 1e-5)


def test_squared_hinge(batch):
    logits, labels = batch
    signs = 2 * np.eye(7)[labels] - 1
    expected = (np.maximum(0, 1.5 - signs * logits) ** 2).sum(axis=1).mean()
    assert soft("squared_hinge(margin=1.5)", logits, np.eye(7)[labels]) == pytest.approx(
        expected, 1e-5
    )


def test_hinge(batch):
    logits, labels = batch
    one_hot = np.eye(7)[labels]
    expected = np.maximum(0, 1.5 - (2 * one_hot - 1) * logits).sum(axis=1).mean()
    assert soft("hinge(margin=1.5)", logits, one_hot) == pytest.approx(expected, 1e-5)


def test_any_of(batch):
    logits, _ = batch
    targets = np.zeros((16, 7))
    targets[:, [1, 4]] = 0.5
    expected = -log_softmax(logits)[:, [1, 4]].max(axis=1).mean()
    assert soft("max_over_labels", logits, targets) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize(
    "loss", ["softmax", "sigmoid", "hinge", "squared_hinge", "clipped_weighted"]
)
def test_balanced_weights_make_classes_weigh_the_same(batch, loss):
    logits, labels = batch
    counts = [10, 1, 20, 5, 4, 30, 0]
    own = tuple(70 / (7 * n) if n else 0.0 for n in counts)
    targets = np.eye(7)[labels]
    assert sum(n * w for n, w in zip(counts, own)) == pytest.approx(60)
    assert soft(f"{loss}(weights='balanced')", logits, targets, counts) == pytest.approx(
        soft(f"{loss}(weights={own})", logits, targets, counts), 1e-6
    )


def test_every_loss_has_finite_gradients_at_the_extremes():
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], np.float32)
    for loss in losses.LOSSES:
        with tf.Graph().as_default(), tf.Session() as session:
            z = tf.constant(logits)
            made = losses.loss(loss, z, tf.eye(3)[1:], counts=[1, 1, 1])
            assert np.isfinite(session.run([made, *tf.gradients(made, z)])[1]).all(), loss


def test_refusals(batch):
    with pytest.raises(
        UserError,
        match="unknown loss 'l1'; known: clipped_weighted, hinge, max_over_labels, sigmoid, ",
    ):
        value("l1", *batch)
    with pytest.raises(UserError, match=r"weights=\(1.0, 2.0\) for 7 classes"):
        value("clipped_weighted(weights=(1.0, 2.0))", *batch)


def test_weight_decay_takes_the_kinds_asked_for():
    with tf.Graph().as_default(), tf.Session() as session:
        weights = [
            layers.Weight(tf.constant(v), kind)
            for v, kind in (([3.0], "conv"), ([4.0], "dense"), ([5.0], "output"))
        ]
        decay = lambda kinds, c: session.run(losses.weight_decay(weights, kinds, c))  # noqa: E731
        assert decay(("dense",), 0.5) == pytest.approx(0.5 * 16 / 2)
        assert decay(constants.WEIGHT_KINDS, 1.0) == pytest.approx((9 + 16 + 25) / 2)
        assert decay((), 1.0) == decay(("conv",), 0.0) == 0.0
