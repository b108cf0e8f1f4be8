"""Inside a net: what its layers make of a face, and where what it says comes from (Grad-CAM).

explainer = explain.Explainer(member)      # evaluation.Member; of an ensemble the first
maps, heat = explainer.look(crop)
"""

import threading

import numpy as np
from PIL import Image

from fer2013_tf import checkpoints

# As the first article shows them.
CHANNELS = 3
MOST_LAYERS = 8


class Explainer:
    """One member's net, built so that it can be looked into; may be shared by threads."""

    def __init__(self, member):
        self.member = member
        self._lock, self._classifier = threading.Lock(), None

    def _loaded(self):
        """The graph is built when it is first asked for: most pages of the web never do."""
        from fer2013_tf import inference

        with self._lock:
            if self._classifier is None:
                classifier = inference.Classifier(self.member.recipe, self.member.data, heat=True)
                classifier.load(checkpoints.read_shadows(self.member.path), self.member.path)
                self._classifier = classifier
        return self._classifier

    def heat(self, crop):
        """Where a crop (uint8 [h, w] or [h, w, 3]) speaks for its likeliest class: float [h, w],
        0..1.

        All 0 where nothing does.
        """
        classifier = self._loaded()
        (heat,) = classifier.run(classifier.net.heat, crop[None])
        height, width = crop.shape[:2]
        smooth = Image.fromarray(heat / max(float(heat.max()), 1e-12))
        return np.clip(np.asarray(smooth.resize((width, height), Image.Resampling.BILINEAR)), 0, 1)

    def look(self, crop):
        """({layer: float32 [h, w, 3]}, heat): the first channels of the maps, in order, and `heat`.

        Layers are the net's end points with a height and width, the first eight of them.
        """
        classifier = self._loaded()
        maps = {}
        for name, tensor in classifier.net.end_points.items():
            if tensor.shape.rank == 4 and len(maps) < MOST_LAYERS:
                (values,) = classifier.run(tensor, crop[None])
                maps[name] = _three(values[..., :CHANNELS])
        return maps, self.heat(crop)

    def close(self):
        """Ends the session."""
        if self._classifier:
            self._classifier.close()


def _three(values):
    missing = CHANNELS - values.shape[-1]
    return np.pad(values, ((0, 0), (0, 0), (0, missing))).astype(np.float32)
