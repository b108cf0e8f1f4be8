"""A Keras script written as in its guides: tf.data, preprocessing layers, `fit`, mixed_bfloat16."""

import keras
import numpy as np

from benchmarks.baselines import common, keras_fit, keras_input
from benchmarks.baselines.common import Hu2019


class Report(keras.callbacks.Callback):
    """Prints one line per epoch."""

    def on_epoch_end(self, epoch, logs=None):
        common.report_epoch(epoch + 1, logs["val_accuracy"])


def rate(epoch):
    return Hu2019.rate * max(Hu2019.decay**epoch, Hu2019.floor)


def main():
    args = common.training_arguments()
    keras.utils.set_random_seed(args.seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    images = np.load(args.images)
    model = keras_fit.net(Hu2019.dropout, keras.regularizers.L2(Hu2019.weight_decay / 2))
    optimizer = keras.optimizers.Adam(Hu2019.rate, use_ema=True, ema_momentum=Hu2019.ema)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    weights = dict.fromkeys(range(common.CLASSES), 1.0)
    weights[Hu2019.disgust] = Hu2019.disgust_weight
    model.fit(
        keras_input.pipeline(
            images["images"][..., None], images["labels"], Hu2019.batch, Hu2019.augmentation
        ),
        class_weight=weights,
        validation_data=(
            images["public_images"][..., None] / np.float32(255),
            images["public_labels"],
        ),
        validation_batch_size=256,
        epochs=args.epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.LearningRateScheduler(rate),
            keras.callbacks.SwapEMAWeights(),
            Report(),
        ],
    )


if __name__ == "__main__":
    main()
