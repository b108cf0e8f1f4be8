"""Other splits than a source's own: `--resplit` of make_records.

    official             the source's own splits
    ratios(0.8, 0.1)     Training, PublicTest and the rest, sampled from all images
    first_rows(24000)    the first so many rows of Training; its other rows are PublicTest, and the
                         source's own PublicTest is left out
    train_val            Training and PublicTest together are Training; nothing is PublicTest
    fold(2, folds=5)     Training and PublicTest divided into 5 folds, the second is PublicTest

Images are sampled with a seed, in the same proportions in every class; identical images are kept in
one split. PrivateTest keeps its images except with `ratios`, where the third split is therefore
called held-out.
"""

import itertools
import random

from fer2013_tf.data.readers import TOGETHER, LabeledImage, stratify
from fer2013_tf.utils import constants, registry
from fer2013_tf.utils.errors import UserError

RESPLITS = registry.Registry("split")
# Images of one class are divided in blocks of so many, each in the proportions that are asked for.
BLOCK = 20
OFFICIAL, HELD_OUT = "official", "held-out"
SAMPLED = ("ratios", "fold")
_TRAINING, _PUBLIC, _PRIVATE = constants.SPLITS


@RESPLITS.register
def ratios(examples, seed, *, training=0.8, public=0.1):
    """Sample the fractions for Training and PublicTest; the rest is held out."""
    if not (training > 0 and public > 0 and training + public <= 1):
        raise UserError(
            f"--resplit ratios({training}, {public}): give fractions over 0 that sum to 1 at most"
        )
    bounds = (training, training + public, 1.0)
    return _sampled(examples, seed, bounds, constants.SPLITS, moved=constants.SPLITS)


@RESPLITS.register
def first_rows(examples, seed, *, rows=24000):
    """Keep the first rows of Training; its other rows become PublicTest."""
    if rows < 1:
        raise UserError(f"--resplit first_rows({rows}): give a number over 0")
    seen = 0
    for example in examples:
        if isinstance(example, LabeledImage):
            if example.split == _PUBLIC:
                continue
            if example.split == _TRAINING:
                seen += 1
                example = example._replace(split=_TRAINING if seen <= rows else _PUBLIC)
        yield example


@RESPLITS.register
def train_val(examples, seed):
    """Move PublicTest to Training."""
    for example in examples:
        if isinstance(example, LabeledImage) and example.split == _PUBLIC:
            example = example._replace(split=_TRAINING)
        yield example


@RESPLITS.register
def fold(examples, seed, *, number=1, folds=5):
    """Divide Training and PublicTest into folds; fold `number`, from 1, becomes PublicTest."""
    if not 2 <= folds <= BLOCK or not 1 <= number <= folds:
        raise UserError(
            f"--resplit fold({number}, folds={folds}): give 2 to {BLOCK} folds, and one of them"
        )
    bounds = [(n + 1) / folds for n in range(folds)]
    names = [_PUBLIC if n + 1 == number else _TRAINING for n in range(folds)]
    yield from _sampled(examples, seed, bounds, names, moved=(_TRAINING, _PUBLIC))


def _sampled(examples, seed, bounds, names, *, moved):
    """Yield examples, those of the splits `moved` in splits that are sampled in each class.

    bounds: cumulative fractions; names: the split up to each bound.
    """

    def splits_of_block(label, block):
        return [names[part] for part in _parts_of_block(seed, label, block, bounds)]

    return stratify(examples, BLOCK, splits_of_block, moved=moved)


def _parts_of_block(seed, label, block, bounds):
    """Return the part, 0 up, of each image in a block, shuffled with seed, label and block."""
    # Rounded over all blocks together, so that small fractions get their images too.
    begun, ended = ([round(b * BLOCK * n) for b in (0.0, *bounds)] for n in (block, block + 1))
    counts = [(ended[n + 1] - ended[n]) - (begun[n + 1] - begun[n]) for n in range(len(bounds))]
    parts = list(itertools.chain.from_iterable([n] * max(0, c) for n, c in enumerate(counts)))
    parts += [0] * (BLOCK - len(parts))
    random.Random(f"{seed}/{label}/{block}").shuffle(parts)  # no secret  # nosec B311
    return parts[:BLOCK]


def apply(source, text, seed):
    """Return `source` with the splits of a spec. Raises UserError for an unknown one."""
    if text == OFFICIAL:
        return source
    spec = registry.parse(text)
    function, options = RESPLITS.resolve(spec)
    # Without examples it only checks its options, so that errors come at once.
    next(iter(function(iter(()), seed, **options)), None)
    description = {**source.description, "splits": f"{spec}, seed {seed}"}
    if spec.name in SAMPLED:
        description["identical_images"] = TOGETHER
    if spec.name == "ratios":
        description["private"] = HELD_OUT
    return source._replace(
        description=description, examples=lambda: function(source.examples(), seed, **options)
    )
