"""Other ways to part a set than its own splits: `--split` of make_records.

    official             as the source has them
    ratios(0.8, 0.1)     Training, PublicTest and the rest, drawn anew from all pictures
    first(24000)         of Training the first so many rows; the others of it are PublicTest, and
                         the source's own PublicTest is left out (article a3)
    merged               Training and PublicTest together are Training; nothing is PublicTest
    fold(2, folds=5)     Training and PublicTest parted anew in 5, the second is PublicTest

What is drawn is drawn by a seed, with the same share of every class. PrivateTest stays what it is,
but for `ratios`, whose third part therefore is called held-out.
"""

import itertools
import random
from collections import Counter

from fer2013_tf import emotions, specs
from fer2013_tf.errors import UserError
from fer2013_tf.sources import Face

SPLITS = specs.Registry("split")
# Of so many faces of a class, in their order, each part gets its share.
BLOCK = 20
OFFICIAL, HELD_OUT = "official", "held-out"
_TRAINING, _PUBLIC, _PRIVATE = emotions.SPLITS


@SPLITS.register
def ratios(faces, seed, *, training=0.8, public=0.1):
    """Shares of Training and PublicTest; the rest is held out."""
    if not (training > 0 and public > 0 and training + public <= 1):
        raise UserError(
            f"--split ratios({training}, {public}): give shares over 0 that sum to 1 at most"
        )
    bounds = (training, training + public, 1.0)
    return _parted(faces, seed, bounds, emotions.SPLITS)


@SPLITS.register
def first(faces, seed, *, rows=24000):
    """The first rows of Training; the others of it are PublicTest."""
    if rows < 1:
        raise UserError(f"--split first({rows}): give a number over 0")
    seen = 0
    for face in faces:
        if isinstance(face, Face):
            if face.split == _PUBLIC:
                continue
            if face.split == _TRAINING:
                seen += 1
                face = face._replace(split=_TRAINING if seen <= rows else _PUBLIC)
        yield face


@SPLITS.register
def merged(faces, seed):
    """Training and PublicTest together are Training."""
    for face in faces:
        if isinstance(face, Face) and face.split == _PUBLIC:
            face = face._replace(split=_TRAINING)
        yield face


@SPLITS.register
def fold(faces, seed, *, number=1, folds=5):
    """Of the folds, numbered from 1, this one is PublicTest."""
    if not 2 <= folds <= BLOCK or not 1 <= number <= folds:
        raise UserError(
            f"--split fold({number}, folds={folds}): give 2 to {BLOCK} folds, and one of them"
        )
    bounds = [(n + 1) / folds for n in range(folds)]
    names = [_PUBLIC if n + 1 == number else _TRAINING for n in range(folds)]
    yield from _parted(faces, seed, bounds, names, but=_PRIVATE)


def _parted(faces, seed, bounds, names, but=None):
    """Faces with the split of the part they are drawn into, except those of the split `but`."""
    seen, blocks = Counter(), {}
    for face in faces:
        if isinstance(face, Face) and face.split != but:
            block, place = divmod(seen[face.label], BLOCK)
            if place == 0:
                blocks[face.label] = _block(seed, face.label, block, bounds)
            seen[face.label] += 1
            face = face._replace(split=names[blocks[face.label][place]])
        yield face


def _block(seed, label, block, bounds):
    """The parts of a block's faces, in an order drawn by seed, label and block."""
    # Rounded over all blocks together, so that small shares come to their own.
    begun, ended = ([round(b * BLOCK * n) for b in (0.0, *bounds)] for n in (block, block + 1))
    counts = [(ended[n + 1] - ended[n]) - (begun[n + 1] - begun[n]) for n in range(len(bounds))]
    parts = list(itertools.chain.from_iterable([n] * max(0, c) for n, c in enumerate(counts)))
    parts += [0] * (BLOCK - len(parts))
    random.Random(f"{seed}/{label}/{block}").shuffle(parts)  # no secret  # nosec B311
    return parts[:BLOCK]


def apply(source, text, seed):
    """`source` with the splits that a spec names. Raises UserError for an unknown one."""
    if text == OFFICIAL:
        return source
    spec = specs.parse(text)
    function, options = SPLITS.resolve(spec)
    # What is wrong with the options is said at once.
    next(iter(function(iter(()), seed, **options)), None)
    description = {**source.description, "splits": f"{spec}, seed {seed}"}
    if spec.name == "ratios":
        description["private"] = HELD_OUT
    return source._replace(
        description=description, faces=lambda: function(source.faces(), seed, **options)
    )
