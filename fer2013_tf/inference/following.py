"""Predict expressions frame by frame: faces detected every few frames, followed by optical flow
between detections, probabilities smoothed per track.

follower = following.Follower(recognizer, smoothing="mode", every=3)
for frame in video:
    for prediction in follower.predict(frame.pixels, "video.mp4"): ...
"""

import time

import numpy as np
from PIL import Image

from fer2013_tf.faces import tracking
from fer2013_tf.inference import video_files

# Optical flow: in frames scaled to at most FLOW_SIDE, GRID x GRID points in the center of a face
# (CENTER of its box) are followed; MIN_POINTS of them must be found again.
FLOW_SIDE, GRID, CENTER, MIN_POINTS = 320, 6, 0.7, 10
# For a camera: at most so many frames per detection.
MAX_EVERY = 10
# The weight of a new frame in the mean time per frame.
TIME_WEIGHT = 0.1


class Follower:
    """Predicts frame after frame.

    every: faces are detected in one of so many frames; None: as often as this machine can at the
    frame rate `rate`, in frames per second.
    """

    def __init__(self, recognizer, *, smoothing="mode", every=None, rate=25.0):
        self.recognizer, self.tracker = recognizer, tracking.Tracker(smoothing)
        if recognizer.faces != "detect":
            # The whole frame, or its center, is the face: nothing moves.
            every = 1
        self.every, self._adapts, self._rate = every or 1, every is None, rate
        self._since, self._before, self._seconds = 0, None, 0.0

    def predict(self, pixels, name):
        """Return the predictions [Prediction] for a frame uint8 [h, w, 3], left to right.

        Their numbers are those of the tracks, from 1; their probabilities are smoothed.
        """
        started = time.perf_counter()
        image = Image.fromarray(pixels)
        gray = _small_gray(pixels)
        if self._before is None or self._since >= self.every:
            tracks = self.tracker.update(self.recognizer.detect(image, search_tiles=False))
            self._since = 0
        else:
            tracks = self.tracker.visible()
            scale = pixels.shape[1] / gray.shape[1]
            for track in tracks:
                track.face = moved(track.face, self._before, gray, scale)
        self._since, self._before = self._since + 1, gray
        result = self._predictions(image, tracks, name) if tracks else []
        self._adapt(time.perf_counter() - started)
        return result

    def _predictions(self, image, tracks, name):
        crops = [self.recognizer.crop(image, track.face) for track in tracks]
        predicted = zip(tracks, crops, *self.recognizer.predict_crops(np.stack(crops)))
        return [
            self.recognizer.prediction(
                name, track.number, track.face, crop, scores, track.smooth(probabilities)
            )
            for track, crop, scores, probabilities in predicted
        ]

    def _adapt(self, seconds):
        """Detect less often where frames take longer than the rate allows, else more often."""
        self._seconds += (TIME_WEIGHT if self._seconds else 1.0) * (seconds - self._seconds)
        if self._adapts and self._since == 1:
            slow = self._seconds * self._rate > 0.8
            fast = self._seconds * self._rate < 0.5
            self.every = min(MAX_EVERY, max(1, self.every + slow - fast))


def _small_gray(pixels):
    cv2 = video_files.opencv()
    factor = min(1.0, FLOW_SIDE / max(pixels.shape[:2]))
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    size = [max(1, round(length * factor)) for length in gray.shape[::-1]]
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


def moved(face, before, now, scale):
    """Return a face at its place in the next frame, by optical flow (Lucas and Kanade 1981).

    before, now: small gray frames uint8 [h, w]; scale: pixels of the face's image per pixel of
    theirs. Where too few points are found again the face is returned as it was.
    """
    cv2 = video_files.opencv()
    left, top, right, bottom = (end / scale for end in face.box)
    center, half = ((left + right) / 2, (top + bottom) / 2), CENTER / 2
    steps = np.linspace(-half, half, GRID)
    across, down = np.meshgrid(steps * (right - left), steps * (bottom - top))
    points = np.stack([center[0] + across, center[1] + down], -1).reshape(-1, 1, 2)
    points = points.astype(np.float32)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, now, points, None)
    found = found.ravel() == 1
    if found.sum() < MIN_POINTS:
        return face
    # Translation, rotation and scale that fit most of the points.
    change, _ = cv2.estimateAffinePartial2D(points[found], there[found])
    return face if change is None else _changed(face, change, scale)


def _changed(face, change, scale):
    """Return a face after the similarity transform `change` [2, 3] of the small frame."""

    def moved_point(x, y):
        return tuple((change @ (x / scale, y / scale, 1.0) * scale).tolist())

    left, top, right, bottom = face.box
    x, y = moved_point((left + right) / 2, (top + bottom) / 2)
    growth = float(np.hypot(change[0, 0], change[1, 0]))
    half_width, half_height = growth * (right - left) / 2, growth * (bottom - top) / 2
    box = (x - half_width, y - half_height, x + half_width, y + half_height)
    eyes = face.eyes and tuple(moved_point(*eye) for eye in face.eyes)
    return face._replace(box=box, eyes=eyes)
