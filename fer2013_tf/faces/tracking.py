"""Track faces across the frames of a video and smooth their predictions (numpy only).

tracker = tracking.Tracker(smoothing="mode")
for track in tracker.update(faces): ...            # a Track per detected face
smoothed = track.smooth(probabilities)             # of this frame in, smoothed out
"""

import collections

import numpy as np

from fer2013_tf.faces import alignment
from fer2013_tf.utils import registry

SMOOTHERS = registry.Registry("smoothing")
# Frames that the mode is taken of (10 as in Yunwei 2025); the weight of a new frame in a mean.
WINDOW, WEIGHT = 10, 0.25
# Boxes of a smaller intersection over union belong to different tracks.
MIN_IOU = 0.2
# A track ends after this many detections in a row without its face.
MAX_MISSED = 5


@SMOOTHERS.register
def mode():
    """Return the mean probabilities of the most frequent class among the last 10 frames.

    Of classes that are equally frequent the newest counts; the mean is over its own frames.
    """
    last = collections.deque(maxlen=WINDOW)

    def smooth(probabilities):
        last.append(probabilities)
        classes = [int(each.argmax()) for each in last]
        counts = collections.Counter(classes)
        highest = max(counts.values())
        chosen = next(c for c in reversed(classes) if counts[c] == highest)
        return np.mean([each for each, c in zip(last, classes) if c == chosen], axis=0)

    return smooth


@SMOOTHERS.register
def exponential():
    """Return a running mean in which a new frame weighs a quarter."""
    mean = None

    def smooth(probabilities):
        nonlocal mean
        mean = probabilities if mean is None else mean + WEIGHT * (probabilities - mean)
        return mean

    return smooth


@SMOOTHERS.register
def none():
    """Return the probabilities of each frame unchanged."""
    return lambda probabilities: probabilities


class Track:
    """One face across frames; `number` counts tracks from 1 in the order of appearance."""

    def __init__(self, number, face, smoothing):
        self.number, self.face, self.missed = number, face, 0
        self.smooth = SMOOTHERS[smoothing]()


class Tracker:
    """The tracks of a video."""

    def __init__(self, smoothing="mode"):
        self.smoothing, self.tracks, self.count = smoothing, [], 0

    def update(self, faces):
        """Match detected faces [Face] to tracks; return their tracks [Track] in the same order.

        A face continues the track whose box it overlaps most, pairs of the largest overlap first.
        The other faces begin new tracks.
        """
        boxes = [face.raw_box for face in faces]
        overlaps = np.array([alignment.iou(track.face.raw_box, boxes) for track in self.tracks])
        matched = {}
        while overlaps.size and overlaps.max() > MIN_IOU:
            track, face = np.unravel_index(overlaps.argmax(), overlaps.shape)
            matched[int(face)] = self.tracks[track]
            overlaps[track], overlaps[:, face] = 0, 0
        visible = []
        for number, face in enumerate(faces):
            track = matched.get(number) or self._new(face)
            track.face, track.missed = face, 0
            visible.append(track)
        for track in self.tracks:
            track.missed += track not in visible
        lost = [t for t in self.tracks if t not in visible and t.missed < MAX_MISSED]
        self.tracks = [*visible, *lost]
        return visible

    def end(self):
        """End all tracks: faces from here on are other ones, as after a cut."""
        self.tracks = []

    def visible(self):
        """Return the tracks of the last detection, left to right."""
        return sorted((t for t in self.tracks if not t.missed), key=lambda t: t.face.box)

    def _new(self, face):
        self.count += 1
        return Track(self.count, face, self.smoothing)
