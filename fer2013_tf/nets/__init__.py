"""Networks, one per file, found by the file's name; see `build`."""

import importlib
import pkgutil

from fer2013_tf.utils import registry
from fer2013_tf.utils.errors import UserError


def names():
    """Return the names of the networks, sorted."""
    return sorted(
        m.name for m in pkgutil.iter_modules(__path__) if m.name not in ("layers", "__main__")
    )


def build(text, images, *, training, num_classes, context):
    """Build the net that a spec names, such as `lenet(norm='lrn')`, in the current graph.

    images: float32 [n, height, width, channels], standardized. training: Python bool. context: a
    `layers.BuildContext`. Returns (logits float32 [n, num_classes], end_points: layer -> tensor).
    Raises UserError for an unknown net or option, listing the known ones.
    """
    spec = registry.parse(text)
    if spec.name not in names():
        raise UserError(f"unknown net {spec.name!r}; known: {', '.join(names())}")
    # Names of nets are listed by commands that have no need of TensorFlow.
    from fer2013_tf.nets import layers

    module = importlib.import_module(f"fer2013_tf.nets.{spec.name}")
    options = registry.bind(module.build, spec, "net")
    logits, end_points = module.build(
        images, training=training, num_classes=num_classes, context=context, **options
    )
    return logits, {name: layers.nhwc(point) for name, point in end_points.items()}
