"""Faster ways to the same numbers: FFT convolution, patch moments, the fused stem, layouts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer2013_tf.nets import layers
from fer2013_tf.nets.layers import fft_conv, fused_stem, patch_moments
from fer2013_tf.utils.tf1 import tf


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def evaluated(build):
    """The arrays of what `build()` returns, in a graph of its own."""
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = build()
        session.run(tf.global_variables_initializer())
        return session.run(tensors)


def apart(found, expected):
    """Root mean square of the difference over that of `expected`."""
    return np.sqrt(np.mean((found - expected) ** 2) / np.mean(np.square(expected)))


def both_ways(x, kernel, upstream, dtype=tf.float32):
    """[y, dx, dkernel] of the direct convolution in float32, and of `fft_conv` in dtype."""

    def direct():
        images, weights = tf.constant(x), tf.constant(kernel)
        y = tf.nn.conv2d(images, weights, 1, "SAME")
        return [y, *tf.gradients(y, [images, weights], tf.constant(upstream))]

    def by_fft():
        images, weights = tf.constant(x), tf.constant(kernel)
        moved = tf.cast(tf.transpose(images, [1, 2, 0, 3]), dtype)
        transformed = fft_conv.transformed_kernel(tf.cast(weights, dtype), *moved.shape[:2])
        y = fft_conv.conv(moved, transformed, len(kernel))
        y = tf.transpose(tf.cast(y, tf.float32), [2, 0, 1, 3])
        return [y, *tf.gradients(y, [images, weights], tf.constant(upstream))]

    return evaluated(direct), evaluated(by_fft)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    size=st.integers(1, 7),
    n=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_fft_conv_is_the_convolution(height, width, size, n, channels, seed):
    inputs, outputs = channels
    x = draw(n, height, width, inputs, seed=seed)
    kernel = draw(size, size, inputs, outputs, seed=seed + 1)
    upstream = draw(n, height, width, outputs, seed=seed + 2)
    for expected, found in zip(*both_ways(x, kernel, upstream)):
        np.testing.assert_allclose(found, expected, atol=2e-5 * (1 + np.abs(expected).max()))


def test_fft_conv_rounds_as_its_docstring_says():
    x, kernel = np.maximum(draw(16, 24, 24, 64), 0), draw(5, 5, 64, 64)
    upstream = draw(16, 24, 24, 64, seed=1)
    for dtype, bound in ((tf.float32, 3e-6), (tf.bfloat16, 1e-2)):
        for expected, found in zip(*both_ways(x, kernel, upstream, dtype)):
            assert apart(found, expected) < bound


def test_saving_is_large_where_fft_conv_is_used():
    assert fft_conv.saving(24, 24, 5, 64, 64) == pytest.approx(4.8, abs=0.1)
    assert fft_conv.saving(12, 12, 5, 64, 128) == pytest.approx(7.1, abs=0.1)
    assert fft_conv.saving(48, 48, 5, 1, 64) < 1
    assert fft_conv.saving(24, 24, 1, 64, 64) < 1


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_of_gray_conv_returns_the_moments_of_the_output(size):
    images = 0.3 + draw(6, 9, 7, 1)
    kernel = draw(size, size, 1, 4)

    def direct():
        weights = tf.constant(kernel)
        y = tf.nn.conv2d(tf.constant(images), weights, 1, "SAME")
        mean, variance = tf.nn.moments(y, [0, 1, 2])
        return mean, variance, *tf.gradients(variance * [1, 2, 3, 4] + mean, weights)

    def by_patches():
        weights = tf.constant(kernel)
        mean, variance, count = patch_moments.of_gray_conv(tf.constant(images), weights)
        assert count == 6 * 9 * 7
        return mean, variance, *tf.gradients(variance * [1, 2, 3, 4] + mean, weights)

    for expected, found in zip(evaluated(direct), evaluated(by_patches)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def first_block(fused, images, upstream, training):
    """[before the pool, pooled, gradients of kernel, gamma, beta, statistics after one step]."""

    def build():
        context = layers.BuildContext(bn_momentum=0.5)
        x = tf.constant(images)
        with tf.variable_scope("conv1"):
            if fused:
                options = {"pool": 3, "stride": 2, "pool_scope": "pool1", "training": training}
                whole, pooled = fused_stem.conv_norm_relu_pool(x, 4, 5, context=context, **options)
            else:
                whole = layers.conv(x, 4, 5, context=context)
                whole = tf.nn.relu(layers.batch_norm(whole, training=training, context=context))
                pooled = tf.nn.max_pool2d(whole, 3, 2, "SAME")
        gradients = tf.gradients(pooled, tf.trainable_variables(), tf.constant(upstream))
        return [whole, pooled, *gradients], context

    with tf.Graph().as_default(), tf.Session() as session:
        results, context = build()
        session.run(tf.global_variables_initializer())
        for seed, variable in enumerate(tf.global_variables()):
            variable.load(1 + draw(*variable.shape.as_list(), seed=seed) / 2, session)
        found = session.run(results)
        session.run(context.updates)
        names = [v.op.name for v in tf.global_variables()]
        return found + session.run(context.statistics), names


@pytest.mark.parametrize("training", [True, False])
def test_conv_norm_relu_pool_equals_the_single_layers(training):
    images, upstream = draw(5, 13, 12, 1), draw(5, 7, 6, 4, seed=9)
    expected, names = first_block(False, images, upstream, training)
    found, fused_names = first_block(True, images, upstream, training)
    assert names == fused_names
    for a, b in zip(expected, found):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-4 * np.abs(a).max())


@pytest.mark.parametrize("training", [True, False])
def test_conv_norm_relu_pool_in_bfloat16_of_images_far_from_zero(training):
    """Images of 0 to 1 with small differences, as `scaling=unit` makes them."""
    images = 0.5 + 0.02 * draw(8, 24, 24, 1)
    kernel = draw(5, 5, 1, 16, seed=1)

    def pooled_and_gradient(dtype):
        with tf.Graph().as_default(), tf.Session() as session:
            context = layers.BuildContext(dtype=dtype)
            with tf.variable_scope("conv1"):
                options = {"pool": 3, "stride": 2, "pool_scope": "pool1", "training": training}
                _, pooled = fused_stem.conv_norm_relu_pool(
                    tf.constant(images), 16, 5, context=context, **options
                )
            found = {v.op.name.rpartition("/")[2]: v for v in tf.global_variables()}
            upstream = tf.constant(draw(*pooled.shape.as_list(), seed=2), dtype)
            (gradient,) = tf.gradients(pooled, found["kernel"], upstream)
            session.run(tf.global_variables_initializer())
            found["kernel"].load(kernel, session)
            found["moving_mean"].load(0.5 * kernel.sum((0, 1, 2)), session)
            found["moving_variance"].load(0.01 * np.ones(16), session)
            return session.run([tf.cast(pooled, tf.float32), gradient])

    (exact, gradient), (rounded, rounded_gradient) = map(
        pooled_and_gradient, (tf.float32, tf.bfloat16)
    )
    offsets = (rounded - exact)[:, 2:-2, 2:-2].mean(axis=(0, 1, 2))
    assert np.abs(offsets).max() < 0.01 * exact.std()
    off = np.linalg.norm(rounded_gradient - gradient)
    assert off < 0.1 * np.linalg.norm(gradient)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
@pytest.mark.parametrize("channels", [8, 3])
def test_transpose_layout_moves_values_and_gradients(dtype, channels):
    x, upstream = draw(2, 3, 5, channels), draw(3, 5, 2, channels, seed=1)

    def build():
        given = tf.cast(tf.constant(x), dtype)
        moved = layers.transpose_layout(given, layers.NHWC, layers.HWNC)
        (gradient,) = tf.gradients(moved, given, tf.cast(tf.constant(upstream), dtype))
        back = layers.transpose_layout(moved, layers.HWNC, layers.NHWC)
        return [tf.cast(t, tf.float32) for t in (given, moved, back, gradient)]

    given, moved, back, gradient = evaluated(build)
    assert np.array_equal(moved, given.transpose(1, 2, 0, 3))
    assert np.array_equal(back, given)
    np.testing.assert_allclose(gradient, upstream.transpose(2, 0, 1, 3), rtol=1e-2)


def test_max_pool_is_the_same_in_both_layouts():
    x = draw(3, 7, 6, 4)

    def build():
        moved = layers.max_pool(tf.constant(x.transpose(1, 2, 0, 3)), 3, 2, layout=layers.HWNC)
        return layers.max_pool(tf.constant(x), 3, 2), moved

    straight, moved = evaluated(build)
    assert np.array_equal(moved.transpose(2, 0, 1, 3), straight)


def test_layout_for_depends_on_size_and_use_fft_conv():
    def chosen(*shape, size=5, **options):
        with tf.Graph().as_default():
            x = tf.placeholder(tf.float32, shape)
            return layers.layout_for(x, 64, size, context=layers.BuildContext(**options))

    assert chosen(None, 24, 24, 64, use_fft_conv=True) == "HWNC"
    assert chosen(None, 24, 24, 64) == "NHWC"
    assert chosen(None, 24, 24, 64, size=1, use_fft_conv=True) == "NHWC"
    assert chosen(None, None, None, 64, use_fft_conv=True) == "NHWC"
