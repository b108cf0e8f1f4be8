"""Schedules, optimizers, and the order inside a step."""

import math
import time

import numpy as np
import pytest

from fer2013_tf.training import ema, optimizers, schedules
from fer2013_tf.training.ema import make_ema, train_op
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf
from tests import toy


def rates(schedule, steps, *, epochs=10, steps_per_epoch=10):
    recipe = toy.recipe(f"schedule={schedule}", "learning_rate=2.0", f"epochs={epochs}")
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.placeholder(tf.int64, [])
        rate = schedules.learning_rate(step, recipe, steps_per_epoch)
        return [float(session.run(rate, {step: s})) for s in steps]


def test_constant():
    assert rates("constant", [0, 99]) == [2.0, 2.0]


def test_exponential_in_stairs_with_a_floor():
    stairs = rates("exponential(decay=0.5, floor=0.2)", [0, 9, 10, 25, 90])
    assert stairs == pytest.approx([2, 2, 1, 0.5, 0.4])
    smooth = rates("exponential(decay=0.5, staircase=False)", [5])
    assert smooth == pytest.approx([2 * 0.5**0.5])


def test_cosine_with_warm_up():
    got = rates("cosine(warmup_epochs=2.0)", [0, 10, 20, 60, 100, 150])
    middle = 2 * 0.5 * (1 + math.cos(math.pi * 0.5))
    assert got == pytest.approx([0, 1, 2, middle, 0, 0], abs=1e-6)
    assert rates("cosine(floor=0.1)", [100]) == pytest.approx([0.2])
    only_warm_up = rates("cosine(warmup_epochs=10.0)", [0, 50, 100])
    assert only_warm_up == pytest.approx([0, 1, 2])


def test_refusals():
    with pytest.raises(UserError, match="unknown schedule 'poly'; known: constant, cosine, exp"):
        rates("poly", [0])
    with pytest.raises(UserError, match="unknown optimizer 'lion'; known: adam, momentum, sgd"):
        optimizers.optimizer("lion", 0.1)


def minimise(optimizer, steps):
    """w after some steps on w^2 / 2 from 1."""
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable("w", initializer=1.0, use_resource=True)
        opt = optimizers.optimizer(optimizer, 0.1)
        op = opt.minimize(w * w / 2)
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(op)
        return float(session.run(w))


def test_optimizers_take_their_textbook_steps():
    assert minimise("sgd", 2) == pytest.approx(0.9**2)
    assert minimise("adam", 1) == pytest.approx(0.9, rel=1e-5)
    # Nesterov: v = 0.9 v + g, w -= 0.1 (g + 0.9 v); plain: w -= 0.1 v
    assert minimise("momentum", 1) == pytest.approx(1 - 0.1 * (1 + 0.9))
    assert minimise("momentum(nesterov=False)", 1) == pytest.approx(0.9)


def wide(name, initializer=0.0):
    """Large enough that a copy takes time in which a racing reader can slip in."""
    return tf.get_variable(name, initializer=tf.fill([1 << 18], initializer), use_resource=True)


@tf.custom_gradient
def late(x):
    """x, whose gradient comes 20 ms later: whatever does not wait for the optimizer runs first."""

    def wait(value):
        time.sleep(0.02)
        return value

    def gradient(upstream):
        return tf.reshape(tf.py_func(wait, [upstream], upstream.dtype), upstream.shape)

    return tf.identity(x), gradient


def distance_of_shadow(train_op_of, steps=5):
    """Largest distance of the shadow from what the order demands, over some steps."""
    with tf.Graph().as_default():
        step = tf.train.create_global_step()
        w = tf.get_variable("w", initializer=0.0, use_resource=True)
        ema = tf.train.ExponentialMovingAverage(0.5)
        optimizer = tf.train.GradientDescentOptimizer(1.0)
        op = train_op_of(-late(w), optimizer, step, ema, w)
        shadow = ema.average(w)
        # Threads of its own: those that all sessions share are as many as the first one of the
        # process asked for, and one alone never races.
        config = tf.ConfigProto(use_per_session_threads=True, inter_op_parallelism_threads=4)
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            distances, expected = [], 0.0
            for number in range(1, steps + 1):
                session.run(op)
                expected = 0.5 * expected + 0.5 * number
                distances.append(abs(float(session.run(shadow)) - expected))
        return max(distances)


def ours(loss, optimizer, step, ema, w):
    return train_op(
        loss,
        variables=[w],
        optimizer=optimizer,
        step=step,
        updates=[],
        ema=ema,
        averaged=[w],
    )[0]


def racing(loss, optimizer, step, ema, w):
    """The well-known idiom: `apply` made outside the dependency reads the weights at any time."""
    stepped = optimizer.minimize(loss, global_step=step)
    return tf.group(stepped, ema.apply([w]))


def test_shadows_follow_the_step_and_the_racing_order_would_be_caught():
    assert distance_of_shadow(ours) == 0.0
    assert distance_of_shadow(racing) > 0.4


def test_updates_run_before_the_step():
    with tf.Graph().as_default():
        step = tf.train.create_global_step()
        w = wide("w")
        seen = wide("seen", -1.0)
        # An update that reads the weight: before the step it sees the old one.
        update = seen.assign(w.read_value())
        op, _ = ema.train_op(
            -tf.reduce_sum(w),
            variables=[w],
            optimizer=tf.train.GradientDescentOptimizer(1.0),
            step=step,
            updates=[update],
            ema=ema.make_ema(0.9, step),
            averaged=[w],
        )
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for number in range(50):
                session.run(op)
                assert session.run(seen).max() == number
            assert session.run(step) == 50


def test_the_decay_follows_the_number_of_steps():
    with tf.Graph().as_default():
        step = tf.train.create_global_step()
        w = tf.get_variable("w", initializer=0.0, use_resource=True)
        ema = make_ema(0.999, step)
        op, _ = train_op(
            -w,
            variables=[w],
            optimizer=tf.train.GradientDescentOptimizer(1.0),
            step=step,
            updates=[],
            ema=ema,
            averaged=[w],
        )
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(op)
            # After step 1 the decay is (1 + 1) / (10 + 1).
            assert session.run(ema.average(w)) == pytest.approx(1 - 2 / 11)


def test_step_and_restarts():
    stairs = rates("step(every_epochs=2.0, factor=0.1, first=3.0)", [0, 49, 50, 69, 70])
    np.testing.assert_allclose(stairs, np.array([1, 1, 0.1, 0.1, 0.01]) * stairs[0], rtol=1e-5)
    warm = rates("restarts(first=2.0, growth=2.0)", [0, 10, 19, 20, 40, 59, 60])
    half = 0.5 * (1 + np.cos(np.pi * np.array([0, 0.5, 0.95, 0, 0.5, 0.975, 0])))
    np.testing.assert_allclose(warm, half * warm[0], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "accuracies, expected",
    [
        ([], 1.0),
        ([0.3, 0.4, 0.5], 1.0),
        ([0.5, 0.4, 0.5], 0.5),
        ([0.5, 0.4, 0.6, 0.5, 0.5], 0.5),
        ([0.5, 0.4, 0.4, 0.4, 0.4], 0.25),
        ([0.5] + [0.4] * 20, 0.1),
    ],
)
def test_plateau(accuracies, expected):
    schedule = "plateau(factor=0.5, patience=2, floor=0.1)"
    assert schedules.plateau_scale(schedule, accuracies) == expected
