"""Mixup: convex combinations of images and of their targets."""

from fer2013_tf.utils.tf1 import tf

# Apart from the augmentations, which fold their places 0, 1, ... into the same seed.
MIXUP_FOLD = 2**31 - 3


def mix(images, targets, recipe, seed):
    """Return images and targets, each mixed with those of another image of the batch.

    mixup (Zhang et al. 2018). images: float32 [n, h, w, c]. targets: float32 [n, classes]. The
    weight of each image is sampled from Beta(recipe.mixup, recipe.mixup); nothing is mixed where
    recipe.mixup is 0.
    """
    if not recipe.mixup:
        return images, targets
    n = images.shape[0]
    seed = tf.random.experimental.stateless_fold_in(seed, MIXUP_FOLD)
    gammas = tf.random.stateless_gamma([2, n], seed, alpha=recipe.mixup)
    # Both may round to zero for a small alpha.
    weight = tf.math.divide_no_nan(gammas[0], gammas[0] + gammas[1])
    other = tf.roll(images, 1, axis=0), tf.roll(targets, 1, axis=0)
    wide = weight[:, tf.newaxis, tf.newaxis, tf.newaxis]
    weight = weight[:, tf.newaxis]
    return wide * images + (1 - wide) * other[0], weight * targets + (1 - weight) * other[1]
