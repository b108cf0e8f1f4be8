"""Build the evaluation graph; it is finalized when it is returned."""

from typing import NamedTuple

from fer2013_tf import nets
from fer2013_tf.nets import layers
from fer2013_tf.preprocessing import image_ops
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf


class EvalGraph(NamedTuple):
    """The tensors and operations that evaluation and prediction use."""

    graph: tf.Graph
    images: tf.Tensor  # placeholder uint8 [n, height, width]
    inputs: tf.Tensor  # float32 [n, height, width, channels]: scaled images, as the net is fed
    logits: tf.Tensor  # float32 [n, classes]
    probabilities: tf.Tensor  # float32 [n, classes]
    end_points: dict
    gradcam: tf.Tensor | None  # of `gradcam_class`, where it was asked for, see `_gradcam`
    gradcam_class: tf.Tensor | None  # placeholder int32 []
    assign: dict  # variable name -> (placeholder, assign op)
    refresh: tf.Operation  # to be run after the variables were assigned


def build_eval(recipe, data, *, precision="float32", use_fft_conv=False, gradcam=False):
    """Return the `EvalGraph` of a recipe's net: no dropout, no augmentation, no updates.

    data: "classes", "size", "mean" and "std", as in the manifest or recipe.json. precision,
    use_fft_conv: as in `build_train`; both pay for batches only. gradcam: whether to build the
    Grad-CAM map too; raises UserError for a net without feature maps.
    """
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.uint8, [None, *data["size"]], "images")
        context = layers.BuildContext(
            dtype=tf.as_dtype(precision), use_fft_conv=use_fft_conv, fixed=True
        )
        inputs = image_ops.prepare(images, recipe, data)
        logits, end_points = nets.build(
            recipe.net,
            inputs,
            training=False,
            num_classes=len(data["classes"]),
            context=context,
        )
        probabilities = tf.nn.softmax(logits, name="probabilities")
        if context.updates:
            raise AssertionError(f"{recipe.net} updates variables in evaluation")
        cam = _gradcam(logits, end_points) if gradcam else (None, None)
        assign = {}
        with tf.name_scope("restore"):
            for variable in tf.global_variables():
                value = tf.placeholder(tf.float32, variable.shape)
                assign[variable.op.name] = value, variable.assign(value).op
            refresh = tf.group(*context.refresh_ops)
        graph.finalize()
    return EvalGraph(
        graph, images, inputs, logits, probabilities, end_points, *cam, assign, refresh
    )


def _gradcam(logits, end_points):
    """Build the Grad-CAM map of a class. Returns (float32 [n, h, w], 0 and above; the class).

    The class is a placeholder for its place among the logits. The map is the sum of the deepest
    feature maps that the logits depend on, each weighted by its mean gradient; negative values
    become 0. Source: Selvaraju et al. 2017.
    """
    with tf.name_scope("gradcam"):
        chosen = tf.placeholder(tf.int32, [], "class")
        of_class = tf.reduce_sum(logits * tf.one_hot(chosen, logits.shape[-1], dtype=logits.dtype))
        for maps in reversed(list(end_points.values())):
            if maps.shape.rank == 4 and min(maps.shape.as_list()[1:3]) > 1:
                (gradient,) = tf.gradients(of_class, [maps])
                if gradient is not None:
                    break
        else:
            raise UserError(
                "this net has no feature maps to explain: its end points are single numbers"
            )
        weights = tf.reduce_mean(gradient, axis=[1, 2], keepdims=True)
        return tf.cast(tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)), tf.float32), chosen
