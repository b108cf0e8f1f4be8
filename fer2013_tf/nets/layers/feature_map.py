"""Images between two layers of a net, and the order in which their numbers lie in memory.

x = FeatureMap(tensor)          # [n, h, w, c]
x.to(HWNC).tensor               # [h, w, n, c]
x.nhwc                          # [n, h, w, c], whatever the layout

What a net means never depends on the layout. Layers choose it, and rearrange only where two of them
disagree.
"""

import functools

from fer2013_tf.utils.tf1 import custom_gradient, tf

# Order of a tensor's axes: images, height, width, channels.
NHWC, HWNC = "NHWC", "HWNC"
EIGHT_BYTES = 8


class FeatureMap:
    """Images [n, h, w, c], computed when they are asked for. Immutable.

    raw: the tensor in `layout`, or a function that builds it, called once at most.
    pending: (function, name scope), still to be applied, element by element or channel by channel,
    all of which commute with a maximum over pixels: a max-pool leaves them for after it, where
    there are fewer elements.
    source: what can compute the next layers together with this one, see fused_stem.py.
    parts: the FeatureMaps whose channels these are, one after another.
    transforms: what convolution.py computed of these images already.
    """

    def __init__(self, raw, layout=NHWC, *, shape=None, pending=(), source=None, parts=()):
        self._raw, self.layout, self.pending, self.source = raw, layout, tuple(pending), source
        self.parts, self.transforms, self._scope = tuple(parts), {}, _scope()
        if shape is None:
            axes = raw.shape.as_list()
            shape = [axes[layout.index(axis)] for axis in NHWC]
        # [n, h, w, c]; n is None where it is not known.
        self.shape = tuple(shape)

    @property
    def channels(self):
        """Return the number of channels."""
        return self.shape[-1]

    @functools.cached_property
    def raw(self):
        """Return the tensor in `layout`, before the pending functions."""
        if not callable(self._raw):
            return self._raw
        with tf.name_scope(self._scope):
            return self._raw()

    @functools.cached_property
    def tensor(self):
        """Return the tensor in `layout`."""
        tensor = self.raw
        for function, scope in self.pending:
            with tf.name_scope(scope):
                tensor = function(tensor)
        return tensor

    @functools.cached_property
    def nhwc(self):
        """Return the tensor [n, h, w, c]."""
        with tf.name_scope(self._scope):
            return self.to(NHWC).tensor

    def awaits(self, function):
        """Return whether `function` alone is pending."""
        return [pending for pending, _ in self.pending] == [function]

    def to(self, layout):
        """Return the same images in a layout."""
        if layout == self.layout:
            return self
        return FeatureMap(transpose_layout(self.tensor, self.layout, layout), layout)

    def map(self, function):
        """Return the images after a function of a tensor that keeps its shape and layout."""
        return FeatureMap(function(self.tensor), self.layout)

    def later(self, function):
        """Return the images after a function that commutes with a maximum over pixels."""
        return FeatureMap(
            lambda: self.raw,
            self.layout,
            shape=self.shape,
            pending=(*self.pending, (function, _scope())),
            source=self.source,
        )


def _scope():
    """Return the current name scope as `tf.name_scope` opens it again: TensorBoard's box."""
    scope = tf.get_default_graph().get_name_scope()
    return f"{scope}/" if scope else None


def nhwc(x):
    """Return a FeatureMap as a tensor [n, h, w, c], another tensor as it is."""
    return x.nhwc if isinstance(x, FeatureMap) else x


def transpose_layout(x, old, new):
    """Return the tensor x, of layout `old`, in layout `new`."""
    if old == new:
        return x
    order, back = ([a.index(axis) for axis in b] for a, b in ((old, new), (new, old)))
    at_once = EIGHT_BYTES // x.dtype.size
    if x.dtype != tf.bfloat16 or x.shape[-1] % at_once:
        return tf.transpose(x, order)

    # TensorFlow moves one element at a time: four of bfloat16 as one of float64 are 2.5 times as
    # fast.
    def reordered(x, order):
        wide = tf.reshape(x, [*sizes(x)[:3], x.shape[-1] // at_once, at_once])
        wide = tf.transpose(tf.bitcast(wide, tf.float64), order)
        narrow = tf.bitcast(wide, x.dtype)
        return tf.reshape(narrow, [*sizes(wide)[:3], x.shape[-1]])

    @custom_gradient
    def forward(x):
        return reordered(x, order), lambda upstream: reordered(upstream, back)

    return forward(x)


def sizes(x):
    """Return the sizes of x's axes: ints where they are known, else scalar tensors."""
    return [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape.as_list())]
