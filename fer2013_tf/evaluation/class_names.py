"""Match classes by name, so that a net of more classes serves where fewer are asked for.

kept = class_names.match(member.data["classes"], ("angry", ..., "neutral"))   # Kept, or None
classes = class_names.common([first.data["classes"], second.data["classes"]])

FER+'s eight or ten classes hold FER2013's seven under other names: happiness is happy
(`constants.SYNONYMS`). Classes that are not asked for, such as contempt, are left out, and the
probabilities of the others are divided by their sum (`calibration.keep`).
"""

from typing import NamedTuple

from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError


class Kept(NamedTuple):
    """The classes of a net that are used."""

    classes: tuple  # what they are called: the names of those that are asked for
    places: tuple  # of each among the net's own classes
    left_out: tuple  # names of the net's other classes


def match(own, wanted):
    """Return the `Kept` classes of a net for those wanted; None where they are just the net's own.

    own, wanted: names, in order. A name matches as it is written, else regardless of case and of
    noun or adjective. Raises UserError naming the wanted classes that the net does not have.
    """
    own, wanted = tuple(own), tuple(wanted)
    if own == wanted:
        return None
    places = _places(own, wanted)
    missing = [name for name, place in zip(wanted, places) if place is None]
    if missing:
        raise UserError(f"no class {', '.join(missing)} among {', '.join(own)}")
    left_out = tuple(name for place, name in enumerate(own) if place not in places)
    return Kept(wanted, tuple(places), left_out)


def _places(own, wanted):
    """Return for each wanted class its place among `own`, None where there is none."""
    exact = {name: place for place, name in enumerate(own)}
    by_meaning = {constants.expression(name): place for place, name in enumerate(own)}
    meanings = {constants.expression(name) for name in wanted}
    # Where two classes mean the same, only the names as they are written tell them apart.
    if len(by_meaning) < len(own) or len(meanings) < len(wanted):
        by_meaning = {}
    return [exact.get(name, by_meaning.get(constants.expression(name))) for name in wanted]


def common(nets):
    """Return the classes that all of several nets have: those of the net with the fewest.

    nets: {name of the net: its classes}; of several with equally many the first counts. Raises
    UserError naming two nets, each with a class that the other lacks.
    """
    name, fewest = min(nets.items(), key=lambda item: len(item[1]))
    for other, classes in nets.items():
        try:
            match(classes, fewest)
        except UserError as error:
            raise UserError(
                f"{other} and {name} cannot be combined: {other} has {error}; "
                "combine nets of which one has all classes of the other"
            ) from None
    return tuple(fewest)


def note(nets):
    """Return a line that says which classes are left out; None where none is.

    nets: {name of the net: its `Kept` or None}.
    """
    # Checkpoints of one run leave out the same.
    by_run = {name.partition(":")[0]: kept for name, kept in nets.items() if kept}
    said = [f"{', '.join(k.left_out)} of {name}" for name, k in by_run.items() if k.left_out]
    if not said:
        return None
    classes = len(next(iter(by_run.values())).classes)
    return f"{classes} classes matched by name; left out, the rest normalized: {'; '.join(said)}"
