"""Graph operations that every image passes in training, evaluation and prediction."""

from fer2013_tf.preprocessing import augment
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

SCALINGS = ("unit", "mean", "per_image", "none")


def blur(images, sigma):
    """Return each image blurred by a Gaussian of `sigma` pixels: uint8, same shape."""
    pixels = tf.cast(augment.with_channels(images), tf.float32)
    blurred = tf.cast(tf.round(augment.gaussian(pixels, sigma)), tf.uint8)
    return tf.reshape(blurred, tf.shape(images))


def equalize(images):
    """Return each image with its histogram equalized: uint8 [n, h, w] -> uint8 [n, h, w]."""
    flat = tf.cast(tf.reshape(images, [tf.shape(images)[0], -1]), tf.int32)
    histogram = tf.raw_ops.DenseBincount(input=flat, size=256, weights=tf.constant([], tf.int32))
    below = tf.cast(tf.cumsum(histogram, axis=1), tf.float32)
    lowest = tf.gather(below, tf.reduce_min(flat, axis=1, keepdims=True), batch_dims=1)
    count = tf.cast(tf.shape(flat)[1], tf.float32)
    table = tf.round((below - lowest) / tf.maximum(count - lowest, 1.0) * 255)
    return tf.reshape(tf.cast(tf.gather(table, flat, batch_dims=1), tf.uint8), tf.shape(images))


def standardize(images, scaling, *, mean, std):
    """Return what the net is fed of images float32 [n, h, w, c] in 0..255, same shape.

    scaling: "unit" divides by 255; "mean" takes Training's mean and std (pixel values);
    "per_image" gives each image mean 0 and std 1 (a constant image becomes 0); "none" leaves pixel
    values as they are. Raises UserError for another scaling.
    """
    if scaling == "none":
        return images
    if scaling == "unit":
        return images / 255.0
    if scaling == "mean":
        return (images - mean) / max(std, 1.0)
    if scaling == "per_image":
        center, variance = tf.nn.moments(images, axes=[1, 2, 3], keepdims=True)
        return (images - center) * tf.math.rsqrt(tf.maximum(variance, 1.0))
    raise UserError(f"scaling={scaling!r}; known: {', '.join(SCALINGS)}")


def preprocess(images, recipe):
    """Return images blurred and equalized as a recipe says, before anything random: uint8.

    images: uint8 [n, h, w] gray or [n, h, w, 3] in color. Raises UserError for the histograms of
    images in color, and for a blur wider than the images.
    """
    if recipe.blur:
        images = blur(images, recipe.blur)
    if recipe.equalize:
        if len(images.shape) == 4:
            raise UserError("equalize=True: histograms are of gray images; these are in color")
        images = equalize(images)
    return images


def prepare(images, recipe, data, *, seed=None):
    """Return images preprocessed, augmented where a seed is given, and standardized.

    images: uint8 [n, h, w] gray or [n, h, w, 3] in color. Returns float32 [n, h, w, 1 or 3].
    recipe: has blur, equalize, augment, fill_mode, scaling. data: has mean and std of Training.
    Raises UserError as `preprocess`.
    """
    images = preprocess(images, recipe)
    if seed is None:
        pixels = tf.cast(augment.with_channels(images), tf.float32)
    else:
        pixels = augment.apply(images, recipe.augment, seed=seed, fill_mode=recipe.fill_mode)
    return standardize(pixels, recipe.scaling, mean=data["mean"], std=data["std"])
