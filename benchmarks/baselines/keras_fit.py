"""Keras 3 `fit`, written as in its guides; with XLA (`jit_compile`) where asked for.

Trains on synthetic batches from memory, or on images by tf.data with preprocessing layers.
"""

import os
import time

import keras
import numpy as np

from benchmarks.baselines import common, keras_input

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

STEPS = 20


def net(dropout=common.DROPOUT, regularizer=None):
    """Return the net of Hu 2019, layers in the order of Keras' own examples."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((common.SIZE, common.SIZE, 1))])
    for filters in (64, 64, 128):
        model.add(layers.Conv2D(filters, 5, padding="same", use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D(3, 2, padding="same"))
    model.add(layers.Flatten())
    for _ in range(2):
        model.add(layers.Dropout(dropout))
        model.add(layers.Dense(512, use_bias=False, kernel_regularizer=regularizer))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
    model.add(layers.Dropout(dropout))
    # Under mixed precision the guides keep the output in float32.
    model.add(layers.Dense(common.CLASSES, dtype="float32"))
    return model


class Clock(keras.callbacks.Callback):
    """Records when each batch ends; stops `fit` when the time is up."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.ends = seconds, []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())
        if len(self.ends) > common.WARM_UP:
            spent = self.ends[-1] - self.ends[common.WARM_UP]
            self.model.stop_training = spent > self.seconds


def main():
    args = common.arguments(("float32", "mixed_bfloat16", "jit"))
    if args.precision == "mixed_bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = net()
    optimizer = keras.optimizers.Adam(common.RATE, use_ema=True, ema_momentum=common.EMA)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=args.precision == "jit")
    clock = Clock(args.seconds)
    if args.images:
        stored = np.load(args.images)
        images, labels = stored["images"][..., None], stored["labels"]
        given = {"x": keras_input.pipeline(images, labels, args.batch, common.AUGMENTATION)}
    else:
        images, labels = common.synthetic(args.batch * STEPS)
        given = {"x": images, "y": labels, "batch_size": args.batch}
    model.fit(**given, epochs=10**6, verbose=0, callbacks=[clock])
    durations = np.diff(clock.ends[common.WARM_UP :])
    parameters = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    common.report(rate=args.batch / float(np.median(durations)), parameters=parameters)


if __name__ == "__main__":
    main()
