"""Who is who from frame to frame, and what is shown of a person whose answers flicker (numpy only).

people = tracking.People(smooth="mode")
for person in people.update(found): ...        # faces detected anew: who has which
shown = person.show(probabilities)             # this frame's answer in, the smoothed one out
"""

import collections

import numpy as np

from fer2013_tf import faces, specs

SMOOTHERS = specs.Registry("smoothing")
# Answers that the mode is taken of, as the articles do it; the weight of a new answer in a mean.
WINDOW, WEIGHT = 10, 0.25
# Boxes that share less than this of their union are not the same person's.
LEAST_OVERLAP = 0.2
# A person not found in so many detections on end has gone.
PATIENCE = 5


@SMOOTHERS.register
def mode():
    """The commonest class of the last 10 answers, the newest among equals; the mean of their
    probabilities over the answers that say so."""
    last = collections.deque(maxlen=WINDOW)

    def show(probabilities):
        last.append(probabilities)
        answers = [int(each.argmax()) for each in last]
        counts = collections.Counter(answers)
        most = max(counts.values())
        commonest = next(a for a in reversed(answers) if counts[a] == most)
        return np.mean([each for each, a in zip(last, answers) if a == commonest], axis=0)

    return show


@SMOOTHERS.register
def exponential():
    """A running mean: each new answer weighs a quarter of it."""
    mean = None

    def show(probabilities):
        nonlocal mean
        mean = probabilities if mean is None else mean + WEIGHT * (probabilities - mean)
        return mean

    return show


@SMOOTHERS.register
def none():
    """Each frame's own answer."""
    return lambda probabilities: probabilities


class Person:
    """Somebody who is followed; `number` counts from 1 in the order of appearance."""

    def __init__(self, number, face, smooth):
        self.number, self.face, self.missed = number, face, 0
        self.show = SMOOTHERS[smooth]()


class People:
    """The persons of a film."""

    def __init__(self, smooth="mode"):
        self.smooth, self.there, self.seen = smooth, [], 0

    def update(self, found):
        """The persons whose faces were detected, left to right: [Person], with their new faces.

        found: [faces.Face]. A face belongs to the person whose box it overlaps most, pairs of the
        largest overlap first; others are new persons.
        """
        boxes = [face.box for face in found]
        overlaps = np.array([faces.overlaps(person.face.box, boxes) for person in self.there])
        matched = {}
        while overlaps.size and overlaps.max() > LEAST_OVERLAP:
            person, face = np.unravel_index(overlaps.argmax(), overlaps.shape)
            matched[int(face)] = self.there[person]
            overlaps[person], overlaps[:, face] = 0, 0
        now = []
        for number, face in enumerate(found):
            person = matched.get(number) or self._new(face)
            person.face, person.missed = face, 0
            now.append(person)
        for person in self.there:
            person.missed += person not in now
        away = [p for p in self.there if p not in now and p.missed < PATIENCE]
        self.there = [*now, *away]
        return now

    def present(self):
        """Those found by the last detection, left to right."""
        return sorted((p for p in self.there if not p.missed), key=lambda p: p.face.box)

    def _new(self, face):
        self.seen += 1
        return Person(self.seen, face, self.smooth)
