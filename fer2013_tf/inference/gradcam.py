"""Explain a prediction: Grad-CAM map of a face, and the feature maps of a net's layers.

explainer = gradcam.Explainer(member)      # ensembles.Member; of an ensemble the first
feature_maps, gradcam = explainer.explain(crop)
"""

import threading

import numpy as np
from PIL import Image

from fer2013_tf.checkpoints import weights

# Three channels per layer are shown, as in Hu 2019.
CHANNELS = 3
MAX_LAYERS = 8


class Explainer:
    """The net of one member, with Grad-CAM; may be shared by threads."""

    def __init__(self, member):
        self.member = member
        self._lock, self._classifier = threading.Lock(), None

    def _loaded(self):
        """Return the classifier, built at the first call: most sessions never need it."""
        from fer2013_tf.evaluation.classifier import Classifier

        with self._lock:
            if self._classifier is None:
                classifier = Classifier(self.member.recipe, self.member.data, gradcam=True)
                classifier.load(weights.read_ema_weights(self.member.path), self.member.path)
                self._classifier = classifier
        return self._classifier

    def gradcam(self, crop):
        """Return how much each pixel of a crop speaks for its predicted class: float [h, w], 0..1.

        crop: uint8 [h, w] or [h, w, 3]. All 0 where no pixel does.
        """
        classifier = self._loaded()
        (values,) = classifier.run(classifier.net.gradcam, crop[None])
        height, width = crop.shape[:2]
        small = Image.fromarray(values / max(float(values.max()), 1e-12))
        return np.clip(np.asarray(small.resize((width, height), Image.Resampling.BILINEAR)), 0, 1)

    def explain(self, crop):
        """Return ({layer: float32 [h, w, 3]}, Grad-CAM map): the first channels of each layer.

        Layers are the net's end points that have a height and a width, the first eight of them.
        """
        classifier = self._loaded()
        maps = {}
        for name, tensor in classifier.net.end_points.items():
            if tensor.shape.rank == 4 and len(maps) < MAX_LAYERS:
                (values,) = classifier.run(tensor, crop[None])
                maps[name] = _three_channels(values[..., :CHANNELS])
        return maps, self.gradcam(crop)

    def close(self):
        """Close the session."""
        if self._classifier:
            self._classifier.close()


def _three_channels(values):
    missing = CHANNELS - values.shape[-1]
    return np.pad(values, ((0, 0), (0, 0), (0, missing))).astype(np.float32)
