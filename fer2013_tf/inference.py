"""Running the evaluation graph: exact passes over pictures, with the weights of any checkpoint.

with Classifier(recipe, data) as classifier:
    classifier.load(checkpoints.read_shadows(prefix))
    probabilities = classifier.probabilities(images)
"""

import numpy as np

from fer2013_tf import devices, graphs
from fer2013_tf.errors import UserError
from fer2013_tf.tensorflow1 import tf

BATCH = 256


class Classifier:
    """One evaluation graph in a session; use as a context manager.

    In float32 whatever the training computes in, so that every command gives the same figures,
    unless another precision is asked for. single: for a few pictures a call; neither bfloat16 nor
    transforming a convolution's kernel pays for those. heat: whether to build Grad-CAM too.
    """

    def __init__(self, recipe, data, *, precision="float32", single=False, heat=False):
        if single or heat:
            precision = "float32"
        spectral = not (single or heat) and devices.spectral_pays(precision)
        how = {"precision": precision, "spectral": spectral, "heat": heat}
        self.net = graphs.build_eval(recipe, data, **how)
        self._session = tf.Session(graph=self.net.graph, config=devices.session_config())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the session."""
        self._session.close()

    def load(self, values, where="weights"):
        """Sets every variable from {name: array}.

        Raises UserError naming `where` and the first names and shapes that do not fit.
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
                raise UserError(f"{where}: {name} holds infinite values or no numbers; train anew")
        # In one run: each costs milliseconds, however little it does.
        fed = {placeholder: values[name] for name, (placeholder, _) in self.net.assign.items()}
        self._session.run([assign for _, assign in self.net.assign.values()], fed)
        self._session.run(self.net.prepare)

    def run(self, fetch, images):
        """A tensor of the net for every picture, in order: images uint8 [n, h, w] -> [n, ...]."""
        batches = [
            self._session.run(fetch, {self.net.images: images[start : start + BATCH]})
            for start in range(0, len(images), BATCH)
        ]
        result = np.concatenate(batches)
        if len(result) != len(images):
            raise AssertionError(f"{len(result)} answers for {len(images)} pictures")
        return result

    def logits(self, images):
        """uint8 [n, h, w] -> float32 [n, classes]."""
        return self.run(self.net.logits, images)

    def views(self, images, tta="none"):
        """Logits of each picture's views: uint8 [n, h, w] -> float32 [views, n, classes].

        tta: "none" for the picture alone, "flip" for it and its mirror image.
        """
        turned = {"none": [images], "flip": [images, images[:, :, ::-1]]}[tta]
        return np.stack([self.logits(each) for each in turned])

    def probabilities(self, images):
        """uint8 [n, h, w] -> float32 [n, classes], as the net gives them, not calibrated."""
        return self.run(self.net.probabilities, images)
