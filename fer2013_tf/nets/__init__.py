"""Networks, one a file, found by the file's name; see `build`."""

import importlib
import pkgutil

from fer2013_tf import specs
from fer2013_tf.errors import UserError


def names():
    """The networks there are."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "layers")


def build(text, images, *, training, num_classes, ledger):
    """Builds the net a spec names, e.g. `lenet(norm='lrn')`.

    images: float32 [n, height, width, channels], standardised. training: Python bool.
    Returns (logits float32 [n, num_classes], end_points: name -> tensor).
    Raises UserError for an unknown net or option, listing the known ones.
    """
    spec = specs.parse(text)
    if spec.name not in names():
        raise UserError(f"unknown net {spec.name!r}; known: {', '.join(names())}")
    module = importlib.import_module(f"fer2013_tf.nets.{spec.name}")
    options = specs.bind(module.build, spec, "net")
    return module.build(
        images, training=training, num_classes=num_classes, ledger=ledger, **options
    )
