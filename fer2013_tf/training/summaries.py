"""Summaries for TensorBoard: scalars, histograms, images, feature maps, the recipe as text."""

import contextlib
import math
import threading
from pathlib import Path

from fer2013_tf.utils import exact_paths
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

# Histograms of activations and feature maps look at this many images of the batch: enough to see
# a layer die, a hundredth of the cost.
WATCHED = 8
GRID_COLUMNS = 8


class Log:
    """TensorBoard's event file under `folder`; use as a context manager.

    A thread of TensorFlow's writes it: what goes wrong there is raised by `flush`, as a UserError.
    """

    def __init__(self, folder, graph=None):
        self._folder = folder = Path(folder)
        with self._naming():
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = tf.summary.FileWriter(exact_paths.exact(folder), graph_def=graph)

    def __enter__(self):
        self._hook = threading.excepthook
        threading.excepthook = self._silent
        return self

    def __exit__(self, kind, *_):
        try:
            with self._naming():
                self._writer.close()
        except UserError:
            # What is on its way out already matters more.
            if kind is None:
                raise
        finally:
            threading.excepthook = self._hook

    def add(self, summary, step):
        """Add a summary, serialized or not, of a step."""
        self._writer.add_summary(summary, step)

    def start(self, step):
        """Mark points of earlier files from `step` on as void."""
        start = tf.SessionLog(status=tf.SessionLog.START)
        self._writer.add_session_log(start, global_step=step)

    def flush(self):
        """Wait until all is in the file."""
        with self._naming():
            self._writer.flush()

    @contextlib.contextmanager
    def _naming(self):
        try:
            yield
        # The thread's errors come as whatever C++ errors are turned into.
        except (tf.errors.OpError, OSError, RuntimeError, LookupError, ValueError) as error:
            reason = exact_paths.unlinked(str(error).splitlines()[0])
            raise UserError(
                f"{self._folder}: TensorBoard's events cannot be written ({reason}); make room or "
                "give another --logs, then start the same command again"
            ) from None

    def _silent(self, arguments):
        if arguments.thread is None or arguments.thread.name != "EventLoggerThread":
            self._hook(arguments)


def scalars(values):
    """Return one merged summary of {name: scalar tensor}."""
    return tf.summary.merge([tf.summary.scalar(name, value) for name, value in values.items()])


def details(images, end_points, gradients, statistics):
    """Return one merged summary: input images, feature maps, histograms of everything that learns.

    images: float32 [n, h, w, 1] as the net is fed. end_points: {layer: [n, h, w, c] or [n, c]};
    those of more than one pixel are shown as feature maps too. gradients: (gradient, variable)
    pairs.
    """
    parts = [tf.summary.image("augmented_input", images, max_outputs=WATCHED)]
    for name, activation in end_points.items():
        activation = tf.cast(activation[:WATCHED], tf.float32)
        parts.append(tf.summary.histogram(f"activations/{name}", activation))
        if activation.shape.rank == 4 and math.prod(activation.shape.as_list()[1:3]) > 1:
            grid = feature_grid(activation[0])
            parts.append(tf.summary.image(f"feature_maps/{name}", grid))
    for gradient, variable in gradients:
        parts.append(tf.summary.histogram(f"gradients/{variable.op.name}", gradient))
    for variable in [variable for _, variable in gradients] + statistics:
        parts.append(tf.summary.histogram(f"variables/{variable.op.name}", variable))
    return tf.summary.merge(parts)


def readable_graph(graph, loss):
    """Return the GraphDef of what leads to `loss`: input, one box per layer, objective.

    Optimizer, moving averages, summaries and savers touch every variable; shown with the rest they
    tear the net apart. They are folded into one node, `train`, behind the loss.
    """
    definition = tf.graph_util.extract_sub_graph(graph.as_graph_def(), [loss.op.name])
    definition.library.Clear()
    definition.node.add(name="train", op="NoOp", input=[f"^{loss.op.name}"])
    return definition


def feature_grid(maps):
    """Return feature maps [h, w, channels] as an image [1, rows * h, 8 * w, 1] of 0..1, 8 per row.

    Each map is stretched to its own range: on one scale the strongest few leave the rest black.
    """
    height, width, channels = maps.shape.as_list()
    rows = math.ceil(channels / GRID_COLUMNS)
    low = tf.reduce_min(maps, axis=[0, 1])
    high = tf.reduce_max(maps, axis=[0, 1])
    stretched = tf.math.divide_no_nan(maps - low, high - low)
    filled = tf.pad(stretched, [[0, 0], [0, 0], [0, rows * GRID_COLUMNS - channels]])
    cells = tf.reshape(filled, [height, width, rows, GRID_COLUMNS])
    return tf.reshape(
        tf.transpose(cells, [2, 0, 3, 1]), [1, rows * height, GRID_COLUMNS * width, 1]
    )


def text(tag, lines):
    """Return a summary proto that shows `lines` under TensorBoard's Text tab, preformatted."""
    body = "\n".join(f"    {line}" for line in lines)
    metadata = tf.SummaryMetadata(plugin_data=tf.SummaryMetadata.PluginData(plugin_name="text"))
    tensor = tf.make_tensor_proto([body.encode()], dtype=tf.string)
    return tf.Summary(value=[tf.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def scalar_values(values):
    """Return a summary proto of {tag: float} computed outside the graph."""
    return tf.Summary(value=[tf.Summary.Value(tag=t, simple_value=v) for t, v in values.items()])


def write_hparams(folder, settings, figures):
    """Write settings {name: str} and metrics {tag: float} for TensorBoard's HParams page."""
    from tensorboard.plugins.hparams import api_pb2
    from tensorboard.plugins.hparams import summary as hparams

    infos = [api_pb2.HParamInfo(name=name, type=api_pb2.DATA_TYPE_STRING) for name in settings]
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in figures]
    parts = (
        hparams.experiment_pb(infos, metrics),
        hparams.session_start_pb(settings),
        hparams.session_end_pb(api_pb2.STATUS_SUCCESS),
        scalar_values(figures),
    )
    with tf.Graph().as_default(), Log(folder / "hparams") as log:
        for part in parts:
            log.add(part.SerializeToString(), 0)
        log.flush()
