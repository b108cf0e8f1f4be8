"""Expressions of the people in a film: faces found every few frames, followed between, smoothed.

follower = following.Follower(recognizer, smooth="mode", every=3)
for frame in film:
    for person, reading in follower.read(frame.pixels, "film.mp4"): ...
"""

import time

import numpy as np
from PIL import Image

from fer2013_tf import tracking, video

# A face between two detections is followed by points of its middle, in frames of at most this side.
FLOW_SIDE, GRID, MIDDLE = 320, 6, 0.7
# Of its 36 points so many must be found again.
FEWEST = 10
# Of a camera: at most so many frames pass between detections.
RAREST = 10
# The weight of a new frame in the mean time a frame takes.
PACE = 0.1


class Follower:
    """Reads frame after frame.

    every: faces are detected in every so many frames; None for as often as the rate `rate`, frames
    a second, allows on this machine.
    """

    def __init__(self, recognizer, *, smooth="mode", every=None, rate=25.0):
        self.recognizer, self.people = recognizer, tracking.People(smooth)
        if recognizer.faces != "detect":
            # Where the whole or the middle of a frame is the face, nothing moves.
            every = 1
        self.every, self._adapts, self._rate = every or 1, every is None, rate
        self._since, self._before, self._seconds = 0, None, 0.0

    def read(self, pixels, name):
        """[(tracking.Person, readings.Reading)] of a frame uint8 [h, w, 3], left to right.

        The reading's number is the person's, from 1; its probabilities are the smoothed ones.
        """
        started = time.perf_counter()
        image = Image.fromarray(pixels)
        grey = _small_grey(pixels)
        if self._before is None or self._since >= self.every:
            people = self.people.update(self.recognizer.find(image, closely=False))
            self._since = 0
        else:
            people = self.people.present()
            scale = pixels.shape[1] / grey.shape[1]
            for person in people:
                person.face = moved(person.face, self._before, grey, scale)
        self._since, self._before = self._since + 1, grey
        result = self._answered(image, people, name) if people else []
        self._adapt(time.perf_counter() - started)
        return result

    def _answered(self, image, people, name):
        crops = [self.recognizer.crop(image, person.face) for person in people]
        answers = zip(people, crops, *self.recognizer.answer(np.stack(crops)))
        result = []
        for person, crop, scores, chances in answers:
            who = person.number, person.face
            reading = self.recognizer.reading(name, *who, crop, scores, person.show(chances))
            result.append((person, reading))
        return result

    def _adapt(self, seconds):
        """Rarer detections where a frame takes longer than the rate allows, else more often."""
        self._seconds += (PACE if self._seconds else 1.0) * (seconds - self._seconds)
        if self._adapts and self._since == 1:
            slow = self._seconds * self._rate > 0.8
            fast = self._seconds * self._rate < 0.5
            self.every = min(RAREST, max(1, self.every + slow - fast))


def _small_grey(pixels):
    cv2 = video.opencv()
    factor = min(1.0, FLOW_SIDE / max(pixels.shape[:2]))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    size = [max(1, round(length * factor)) for length in grey.shape[::-1]]
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def moved(face, before, now, scale):
    """A face where it has gone from one small grey frame to the next (Lucas and Kanade 1981).

    before, now: uint8 [h, w]; scale: how many pixels of the face's picture one of theirs is. The
    face as it was where too few of its points are found again.
    """
    cv2 = video.opencv()
    left, top, right, bottom = (end / scale for end in face.box)
    middle, half = ((left + right) / 2, (top + bottom) / 2), MIDDLE / 2
    steps = np.linspace(-half, half, GRID)
    across, down = np.meshgrid(steps * (right - left), steps * (bottom - top))
    points = np.stack([middle[0] + across, middle[1] + down], -1).reshape(-1, 1, 2)
    points = points.astype(np.float32)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, now, points, None)
    found = found.ravel() == 1
    if found.sum() < FEWEST:
        return face
    # Moving, turning and growing, of most of the points.
    change, _ = cv2.estimateAffinePartial2D(points[found], there[found])
    return face if change is None else _changed(face, change, scale)


def _changed(face, change, scale):
    """A face after the similarity `change` [2, 3] of the small frame."""

    def placed(x, y):
        return tuple((change @ (x / scale, y / scale, 1.0) * scale).tolist())

    left, top, right, bottom = face.box
    x, y = placed((left + right) / 2, (top + bottom) / 2)
    growth = float(np.hypot(change[0, 0], change[1, 0]))
    half_width, half_height = growth * (right - left) / 2, growth * (bottom - top) / 2
    box = (x - half_width, y - half_height, x + half_width, y + half_height)
    eyes = face.eyes and tuple(placed(*eye) for eye in face.eyes)
    return face._replace(box=box, eyes=eyes)
