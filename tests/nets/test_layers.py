"""Faster ways to the same numbers: transforms, patches, moments, the fused stem, layouts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer2013_tf.nets import layers
from fer2013_tf.nets.layers import fft_conv, patch_moments, ways
from fer2013_tf.nets.layers.geometry import geometry
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


def through(x, kernel, upstream, way, *, layout="NHWC", dtype=tf.float32, **how):
    """[y, dx, dkernel], float32, of `layers.convolve` made to compute in one way."""

    def build():
        images, weights = tf.constant(x), tf.constant(kernel)
        context = layers.BuildContext(dtype=dtype, use_fft_conv=True)
        given = layers.FeatureMap(tf.cast(images, dtype)).to(layout)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ways, "choose", lambda *_, **__: ways.Way(way, 0.0))
            y = tf.cast(layers.convolve(given, weights, context=context, **how).nhwc, tf.float32)
        return [y, *tf.gradients(y, [images, weights], tf.constant(upstream))]

    return evaluated(build)


@st.composite
def convolutions(draw_one):
    """(sizes and options of a convolution that has at least one pixel of output)."""
    size, stride = draw_one(st.integers(1, 5)), draw_one(st.integers(1, 3))
    padding = draw_one(st.sampled_from(["SAME", "VALID", 0, 1, 2]))
    smallest = 1 if padding == "SAME" else max(1, size - 2 * (padding if padding != "VALID" else 0))
    sides = st.integers(smallest, 12)
    return draw_one(sides), draw_one(sides), size, stride, padding


@settings(max_examples=40, deadline=None)
@given(
    shape=convolutions(),
    n=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    layout=st.sampled_from(["NHWC", "HWNC"]),
    seed=st.integers(0, 99),
)
def test_convolve_is_the_same_in_every_way(shape, n, channels, layout, seed):
    height, width, size, stride, padding = shape
    inputs, outputs = channels
    g = geometry(height, width, size, stride=stride, padding=padding)
    x = draw(n, height, width, inputs, seed=seed)
    kernel = draw(size, size, inputs, outputs, seed=seed + 1)
    upstream = draw(n, g.out_height, g.out_width, outputs, seed=seed + 2)
    how = {"stride": stride, "padding": padding}
    direct = through(x, kernel, upstream, ways.DIRECT, layout=layout, **how)
    others = [ways.PATCHES] if stride > 1 else [ways.PATCHES, ways.TRANSFORM]
    for way in others:
        found = through(x, kernel, upstream, way, layout=layout, **how)
        for one, other in zip(direct, found):
            np.testing.assert_allclose(other, one, atol=2e-5 * (1 + np.abs(one).max()))


@pytest.mark.parametrize("side", [2, 6, 24])
def test_fft_conv_rounds_as_its_docstring_says(side):
    x, kernel = np.maximum(draw(16, side, side, 64), 0), draw(5 if side > 2 else 3, 5, 64, 64)
    kernel = kernel[:, : len(kernel)]
    upstream = draw(16, side, side, 64, seed=1)
    exact = through(x, kernel, upstream, ways.DIRECT)
    for dtype, bound in ((tf.float32, 3e-6), (tf.bfloat16, 1.2e-2)):
        found = through(x, kernel, upstream, ways.TRANSFORM, dtype=dtype)
        for one, other in zip(exact, found):
            assert apart(other, one) < bound


def test_plan_of_two_by_two_pixels_needs_nine_products():
    assert fft_conv.plan_of(geometry(2, 2, 3)).products == 9
    assert fft_conv.plan_of(geometry(2, 2, 3, padding=1)).products == 9
    assert fft_conv.plan_of(geometry(2, 2, 5)).products > 9


def test_convolve_transforms_the_parts_of_a_concatenation_once():
    with tf.Graph().as_default() as graph:
        context = layers.BuildContext(use_fft_conv=True)
        first, second = (layers.FeatureMap(tf.constant(draw(8, 8, 2, 16)), "HWNC") for _ in "ab")
        kernels = [tf.constant(draw(3, 3, 32, 16)) for _ in range(3)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ways, "choose", lambda *_, **__: ways.Way(ways.TRANSFORM, 0.0))
            made = [
                layers.convolve(layers.concat([first, second]), kernel, context=context).nhwc
                for kernel in kernels
            ]
        plan = fft_conv.plan_of(geometry(8, 8, 3))
        rows = [op for op in graph.get_operations() if op.type == "Const"]
        shapes = [tuple(op.outputs[0].shape.as_list()) for op in rows]
        assert shapes.count(plan.images.rows.shape) == 2
        with tf.Session(graph=graph) as session:
            whole = np.concatenate(session.run([first.nhwc, second.nhwc]), axis=-1)
            direct = [tf.nn.conv2d(whole, kernel, 1, "SAME") for kernel in kernels]
            for found, expected in zip(*session.run([made, direct])):
                np.testing.assert_allclose(found, expected, atol=1e-4)


def chosen(side, channels, filters, size, *, layout="NHWC", stride=1, **options):
    with tf.Graph().as_default():
        context = layers.BuildContext(**{"use_fft_conv": True, **options})
        g = geometry(side, side, size, stride=stride)
        how = {"layout": layout, "images": None, "context": context}
        way = ways.choose(g, channels, filters, **how)
        assert [choice.way for choice in context.choices] == [way]
        return way.name


def test_choose_takes_the_transform_where_planes_are_small_or_kernels_large():
    for dtype in (tf.float32, tf.bfloat16):
        assert chosen(24, 64, 64, 5, dtype=dtype) == ways.TRANSFORM
        assert chosen(6, 256, 256, 3, dtype=dtype) == ways.TRANSFORM
        assert chosen(48, 1, 64, 5, dtype=dtype) == ways.DIRECT
        assert chosen(48, 64, 64, 3, dtype=dtype) == ways.DIRECT
        assert chosen(3, 256, 512, 3, dtype=dtype, stride=2) == ways.PATCHES
        assert chosen(12, 64, 128, 1, dtype=dtype, stride=2, layout="HWNC") == ways.PATCHES


def test_choose_takes_the_direct_way_where_others_do_not_pay():
    assert chosen(24, 64, 64, 5, use_fft_conv=False) == ways.DIRECT


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
        # Without a source, each layer is computed on its own.
        x = layers.from_images(tf.constant(images), context)
        x = x if fused else layers.FeatureMap(x.tensor)
        with tf.variable_scope("conv1"):
            whole = layers.conv(x, 4, 5, context=context)
            whole = layers.relu(layers.batch_norm(whole, training=training, context=context))
        pooled = layers.max_pool(whole, 3, 2)
        assert (pooled.pending == ()) == fused
        gradients = tf.gradients(pooled.nhwc, tf.trainable_variables(), tf.constant(upstream))
        return [whole.nhwc, pooled.nhwc, *gradients], context

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
                x = layers.conv(
                    layers.from_images(tf.constant(images), context), 16, 5, context=context
                )
                x = layers.relu(layers.batch_norm(x, training=training, context=context))
            pooled = layers.max_pool(x, 3, 2).nhwc
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


@pytest.mark.parametrize("padding", ["SAME", "VALID", 1])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_max_pool_is_the_same_in_both_layouts(padding, size):
    x = draw(3, 9, 8, 4) - 9

    def build():
        straight = layers.FeatureMap(tf.constant(x))
        moved = layers.max_pool(straight.to("HWNC"), size, 2, padding=padding)
        return layers.max_pool(straight, size, 2, padding=padding).nhwc, moved.nhwc

    straight, moved = evaluated(build)
    assert np.array_equal(moved, straight)
    assert straight.max() < 0


def test_average_pool_and_global_average_are_the_same_in_both_layouts():
    x = draw(3, 7, 6, 4)

    def build():
        straight = layers.FeatureMap(tf.constant(x))
        maps = straight, straight.to("HWNC")
        pooled = [layers.average_pool(each, 2, 2).nhwc for each in maps]
        scaled = [layers.scale_channels(each, tf.constant(draw(3, 4))).nhwc for each in maps]
        return pooled, scaled, [layers.global_average(each) for each in maps]

    for straight, moved in evaluated(build):
        np.testing.assert_allclose(moved, straight, rtol=1e-6, atol=1e-6)


def test_bias_and_relu_before_a_pool_are_applied_after_it():
    with tf.Graph().as_default(), tf.Session() as session:
        x = layers.FeatureMap(tf.constant(draw(2, 6, 6, 3)))
        y = layers.relu(layers.bias(x, -0.3))
        pooled = layers.max_pool(y, 2, 2)
        assert pooled.pending == y.pending
        expected = tf.nn.max_pool2d(tf.nn.relu(x.tensor - 0.3), 2, 2, "SAME")
        session.run(tf.global_variables_initializer())
        found, wanted = session.run([pooled.nhwc, expected])
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("layout", ["NHWC", "HWNC"])
def test_local_response_is_tensorflows(layout):
    x = 20 * draw(2, 4, 5, 24)

    def build():
        found = layers.local_response(layers.FeatureMap(tf.constant(x)).to(layout)).nhwc
        wanted = tf.nn.lrn(tf.constant(x), depth_radius=4, bias=1.0, alpha=0.001 / 9, beta=0.75)
        return found, wanted

    found, wanted = evaluated(build)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_batch_norm_of_channels_that_fill_no_register_is_the_same():
    x, upstream = draw(6, 4, 4, 36), draw(6, 4, 4, 36, seed=1)

    def build():
        found = []
        for dtype in (tf.float32, tf.bfloat16):
            context = layers.BuildContext(bn_momentum=0.5, dtype=dtype)
            given = tf.cast(tf.constant(x), dtype)
            with tf.variable_scope(dtype.name):
                y = layers.batch_norm(layers.FeatureMap(given), training=True, context=context)
            y = tf.cast(y.nhwc, tf.float32)
            with tf.control_dependencies(context.updates):
                moved = [v.read_value() for v in context.statistics]
            found.append([y, *tf.gradients(y, given, tf.constant(upstream)), *moved])
        return [[tf.cast(t, tf.float32) for t in each] for each in found]

    exact, rounded = evaluated(build)
    for one, other in zip(exact, rounded):
        assert one.shape == other.shape
        assert apart(other, one) < 2e-2


def test_variables_start_from_values_that_other_layers_do_not_change():
    def first_values(before):
        def build():
            tf.set_random_seed(3)
            for number in range(before):
                tf.random.uniform([number + 1])
            with tf.variable_scope("conv1"):
                context = layers.BuildContext()
                own = layers.kernel_of([3, 3, 1, 2], layers.CONV, context)
            with tf.variable_scope("conv2"):
                return own, layers.kernel_of([3, 3, 1, 2], layers.CONV, context)

        return evaluated(build)

    first, second = first_values(0)
    assert not np.array_equal(first, second)
    for one, other in zip((first, second), first_values(5)):
        assert np.array_equal(one, other)
