"""tf.data with Keras' preprocessing layers, as in Keras' guide to image classification."""

import keras
import numpy as np
import tensorflow as tf


def pipeline(images, labels, batch, augmentation):
    """Return a dataset of shuffled, augmented batches; images: uint8 [n, h, w, 1], cached so."""
    fill = {"fill_mode": augmentation.fill_mode}
    layers = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(augmentation.radians / (2 * np.pi), **fill),
    ]
    if augmentation.zoom:
        layers.append(keras.layers.RandomZoom(augmentation.zoom, **fill))
    if augmentation.translation:
        layers.append(keras.layers.RandomTranslation(*[augmentation.translation] * 2, **fill))
    augment = keras.Sequential(layers)

    def prepare(pixels, targets):
        return augment(tf.cast(pixels, tf.float32) / 255, training=True), targets

    data = tf.data.Dataset.from_tensor_slices((images, labels)).cache()
    data = data.shuffle(len(images)).batch(batch, drop_remainder=True)
    return data.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
