"""Predict expressions frame by frame: faces detected every few frames, tracked by optical flow
between detections, probabilities smoothed per track. Tracks end at a cut.

follower = following.Follower(recognizer, smoothing="mode", every=3)
for frame in video:
    for prediction in follower.predict(frame.pixels, "video.mp4"): ...
"""

import dataclasses
import time

import numpy as np
from PIL import Image

from fer2013_tf.faces import alignment, scene_cuts, tracking
from fer2013_tf.inference import camera

# Optical flow: in frames scaled to at most FLOW_SIDE, GRID x GRID points in the center of a face
# (CENTER of its box) are followed; MIN_POINTS of them must be found again.
FLOW_SIDE, GRID, CENTER, MIN_POINTS = 320, 6, 0.7, 10
# A face that is tracked shows in PATCH x PATCH pixels what it showed one frame before, with this
# correlation at least; otherwise it has gone or turned, and faces are detected at once.
PATCH, MIN_CORRELATION = 16, 0.6
# Of a video file, faces are detected in every third frame on every machine, so that results repeat;
# in more frames where there would be fewer than so many detections per second.
EVERY, PER_SECOND = 3, 8
# For a camera: at most so many frames per detection.
MAX_EVERY = 10
# The weight of a new frame in the mean time per frame.
TIME_WEIGHT = 0.1


def every_of(rate):
    """Return the frames per detection for a video file of `rate` frames per second."""
    return max(1, min(EVERY, round(rate / PER_SECOND)))


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
        self._cuts = scene_cuts.SceneCuts()

    def predict(self, pixels, name):
        """Return the predictions [Prediction] for a frame uint8 [h, w, 3], left to right.

        Their numbers are those of the tracks, from 1; their probabilities are smoothed; `detected`
        is False where faces were not detected in this frame but tracked into it, None where faces
        are not detected at all.
        """
        started = time.perf_counter()
        image = Image.fromarray(pixels)
        gray = _small_gray(pixels)
        if self._cuts.found(gray):
            self.tracker.end()
            self._before = None
        due = self._before is None or self._since >= self.every
        detected = due or not self._track(image, gray)
        if detected:
            self.tracker.update(self.recognizer.detect(image, search_tiles=False))
            self._since = 0
        self._since, self._before = self._since + 1, gray
        result = self._predictions(image, self.tracker.visible(), name, detected)
        self._adapt(time.perf_counter() - started)
        return result

    def _track(self, image, gray):
        """Move the faces of the frame before to their places in this one.

        Return whether all are still there. If not, some may have been moved.
        """
        scale = image.width / gray.shape[1]
        for track in self.tracker.visible():
            there = moved(track.face, self._before, gray, scale)
            if not _looks_alike(track.face, self._before, there, gray, scale):
                return False
            track.face = alignment.clipped(there, image.size)
        return True

    def _predictions(self, image, tracks, name, detected):
        if not tracks:
            return []
        detected = detected if self.recognizer.faces == "detect" else None
        crops = [self.recognizer.crop(image, track.face) for track in tracks]
        predicted = zip(tracks, crops, *self.recognizer.predict_crops(np.stack(crops)))
        return [
            dataclasses.replace(
                self.recognizer.prediction(
                    name, track.number, track.face, crop, scores, track.smooth(probabilities)
                ),
                detected=detected,
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
    cv2 = camera.opencv()
    factor = min(1.0, FLOW_SIDE / max(pixels.shape[:2]))
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    size = [max(1, round(length * factor)) for length in gray.shape[::-1]]
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


def _looks_alike(face, before, there, now, scale):
    """Return whether small gray frames show the same at a face's two places."""
    one, other = _patch(face, before, scale), _patch(there, now, scale)
    if one is None or other is None:
        return False
    return scene_cuts.correlation(one, other) >= MIN_CORRELATION


def _patch(face, gray, scale):
    """Return what a small gray frame shows of a face, float [PATCH, PATCH]; None outside of it."""
    height, width = gray.shape
    left, top, right, bottom = (end / scale for end in face.raw_box)
    across = slice(max(0, int(left)), min(width, int(right) + 1))
    down = slice(max(0, int(top)), min(height, int(bottom) + 1))
    if across.start >= across.stop or down.start >= down.stop:
        return None
    cv2 = camera.opencv()
    patch = cv2.resize(gray[down, across], (PATCH, PATCH), interpolation=cv2.INTER_AREA)
    return patch.astype(float)


def moved(face, before, now, scale):
    """Return a face at its place in the next frame, by optical flow (Lucas and Kanade 1981).

    before, now: small gray frames uint8 [h, w]; scale: pixels of the face's image per pixel of
    theirs. Where too few points are found again the face is returned as it was.
    """
    cv2 = camera.opencv()
    left, top, right, bottom = (end / scale for end in face.raw_box)
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

    left, top, right, bottom = face.raw_box
    x, y = moved_point((left + right) / 2, (top + bottom) / 2)
    growth = float(np.hypot(change[0, 0], change[1, 0]))
    half_width, half_height = growth * (right - left) / 2, growth * (bottom - top) / 2
    box = (x - half_width, y - half_height, x + half_width, y + half_height)
    eyes = face.eyes and tuple(moved_point(*eye) for eye in face.eyes)
    return face._replace(box=box, detected=None, eyes=eyes)
