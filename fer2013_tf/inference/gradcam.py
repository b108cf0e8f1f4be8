"""Explain a prediction: Grad-CAM map of a face, and the feature maps of a net's layers.

explainer = gradcam.Explainer(recognizer)
feature_maps, gradcam = explainer.explain(prediction.crop, prediction.predicted_class)
"""

import threading
from typing import NamedTuple

import numpy as np
from PIL import Image

from fer2013_tf.checkpoints import weights
from fer2013_tf.utils import forks
from fer2013_tf.utils.errors import UserError

# Three channels per layer are shown, as in Hu 2019.
CHANNELS = 3
MAX_LAYERS = 8


class Explainer:
    """The nets of a `Recognizer`, with Grad-CAM; may be shared by threads.

    recognizer: whose members and test-time augmentation are explained; it may be closed.
    """

    def __init__(self, recognizer):
        self.members, self.tta = list(recognizer.members), recognizer.tta
        self.classes = self.members[0].classes
        self._lock, self._classifiers = threading.Lock(), []

    def __reduce__(self):
        """Copy and unpickle as a new one, which loads its nets again."""
        return type(self), (_Explained(self.members, self.tta),)

    def _loaded(self):
        """Return the classifiers, built at the first call: most sessions never need them."""
        from fer2013_tf.evaluation.classifier import Classifier

        forks.use()
        with self._lock:
            for member in self.members[len(self._classifiers) :]:
                classifier = Classifier(member.recipe, member.data, gradcam=True)
                classifier.load(weights.read_ema_weights(member.path), member.path)
                self._classifiers.append(classifier)
        return self._classifiers

    def gradcam(self, crop, predicted_class):
        """Return how much each pixel of a crop speaks for a class: float [h, w], 0..1.

        crop: uint8 [h, w] or [h, w, 3]. predicted_class: its name, as a `Prediction` has it. Of an
        ensemble it is the mean of the members' maps, with flip also of those of the mirror image,
        mirrored back; each map is divided by its largest value. All 0 where no pixel speaks for it.

        Raises UserError for a class that the nets do not have.
        """
        if predicted_class not in self.classes:
            known = ", ".join(self.classes)
            raise UserError(f"class {predicted_class!r}: not known; known: {known}")
        maps = []
        for member, classifier in zip(self.members, self._loaded()):
            place = self.classes.index(predicted_class)
            place = place if member.places is None else member.places[place]
            maps.append(_map(classifier, crop, place))
            if self.tta == "flip":
                maps.append(_map(classifier, crop[:, ::-1], place)[:, ::-1])
        return np.mean(maps, axis=0)

    def explain(self, crop, predicted_class):
        """Return ({layer: float32 [h, w, 3]}, Grad-CAM map): the first channels of each layer.

        Layers are the net's end points that have a height and a width, the first eight of them; of
        an ensemble those of its first member. The map, and the arguments: see `gradcam`.
        """
        classifier, maps = self._loaded()[0], {}
        for name, tensor in classifier.net.end_points.items():
            if tensor.shape.rank == 4 and len(maps) < MAX_LAYERS:
                (values,) = classifier.run(tensor, crop[None])
                maps[name] = _three_channels(values[..., :CHANNELS])
        return maps, self.gradcam(crop, predicted_class)

    def close(self):
        """Close the sessions."""
        for classifier in self._classifiers:
            classifier.close()


class _Explained(NamedTuple):
    """What an `Explainer` needs of a recognizer."""

    members: list
    tta: str


def _map(classifier, crop, place):
    """Return the Grad-CAM map of one net for a crop and a class: float [h, w], 0..1."""
    (values,) = classifier.run(
        classifier.net.gradcam, crop[None], {classifier.net.gradcam_class: place}
    )
    height, width = crop.shape[:2]
    small = Image.fromarray(values / max(float(values.max()), 1e-12))
    return np.clip(np.asarray(small.resize((width, height), Image.Resampling.BILINEAR)), 0, 1)


def _three_channels(values):
    missing = CHANNELS - values.shape[-1]
    return np.pad(values, ((0, 0), (0, 0), (0, missing))).astype(np.float32)
