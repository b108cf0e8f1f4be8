"""Run the evaluation graph on images, with the weights of any checkpoint.

with Classifier(recipe, data) as classifier:
    classifier.load(weights.read_ema_weights(prefix))
    probabilities = classifier.probabilities(images)
"""

import numpy as np

from fer2013_tf.evaluation import eval_graph
from fer2013_tf.utils import devices, forks
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

BATCH = 256


class Classifier:
    """One evaluation graph in a session; use as a context manager.

    It computes in float32, whatever the training did, so that every command gives the same figures;
    precision="bfloat16" asks for another. latency_mode: for few images per call, where neither
    bfloat16 nor FFT convolutions pay. gradcam: whether to build the Grad-CAM map too.
    """

    def __init__(self, recipe, data, *, precision="float32", latency_mode=False, gradcam=False):
        latency_mode = latency_mode or gradcam
        if latency_mode:
            precision = "float32"
        self.net = eval_graph.build_eval(
            recipe,
            data,
            precision=precision,
            use_fft_conv=not latency_mode and devices.fft_conv_pays(precision),
            gradcam=gradcam,
        )
        self._session = tf.Session(graph=self.net.graph, config=devices.session_config())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the session; in a forked process, where that would wait for ever, leave it."""
        if not forks.forked():
            self._session.close()

    def load(self, values, where="weights"):
        """Set all variables from {name: array}.

        Raises UserError naming `where` and the first names and shapes that do not fit, or a
        variable that is not finite.
        """
        wanted = {n: tuple(p.shape.as_list()) for n, (p, _) in self.net.assign.items()}
        there = {name: np.shape(value) for name, value in values.items()}
        off = [
            f"{name}: the net has {shape}, the file {there.get(name, 'none')}"
            for name, shape in wanted.items()
            if there.get(name) != shape
        ]
        if off:
            raise UserError(
                f"{where}: does not fit the net ({len(off)} variables): {off[0]}", off[1:10]
            )
        for name in wanted:
            if not np.isfinite(values[name]).all():
                raise UserError(f"{where}: {name} holds infinite values or NaN; train it again")
        # All in one run: each costs milliseconds, however little it does.
        fed = {placeholder: values[name] for name, (placeholder, _) in self.net.assign.items()}
        self._session.run([assign for _, assign in self.net.assign.values()], fed)
        self._session.run(self.net.refresh)

    def run(self, fetch, images, fed=None, *, place=None):
        """Compute a tensor of the net for each image, in order: uint8 [n, h, w] -> [n, ...].

        fed: {tensor: value} of what else the tensor depends on. place: the tensor that the images
        stand for, where these are not uint8. Raises UserError in a process that was forked, see
        `forks.use`.
        """
        forks.use()
        place = self.net.images if place is None else place
        batches = [
            self._session.run(fetch, {**(fed or {}), place: images[start : start + BATCH]})
            for start in range(0, len(images), BATCH)
        ]
        result = np.concatenate(batches)
        if len(result) != len(images):
            raise AssertionError(f"{len(result)} results for {len(images)} images")
        return result

    def logits(self, images):
        """Return logits float32 [n, classes] of images uint8 [n, h, w]."""
        return self.run(self.net.logits, images)

    def logits_of_inputs(self, inputs):
        """Return logits float32 [n, classes] of images as a net is fed, float32 [n, h, w, c]."""
        return self.run(self.net.logits, inputs, place=self.net.inputs)

    def tta_logits(self, images, tta="none"):
        """Return logits float32 [views, n, classes] of the views of images uint8 [n, h, w].

        tta: "none" for the image alone, "flip" for the image and its mirror image.
        """
        views = {"none": [images], "flip": [images, images[:, :, ::-1]]}[tta]
        return np.stack([self.logits(view) for view in views])

    def probabilities(self, images):
        """Return uncalibrated probabilities float32 [n, classes] of images uint8 [n, h, w]."""
        return self.run(self.net.probabilities, images)
