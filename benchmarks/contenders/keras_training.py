"""A Keras script as its guides write it: tf.data, preprocessing layers, `fit`, mixed_bfloat16."""

import keras
import numpy as np

from benchmarks import contenders
from benchmarks.contenders import Article, keras_fit, keras_input


class Report(keras.callbacks.Callback):
    """A line an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        contenders.report_epoch(epoch + 1, logs["val_accuracy"])


def rate(epoch):
    return Article.rate * max(Article.decay**epoch, Article.floor)


def main():
    args = contenders.training_arguments()
    keras.utils.set_random_seed(args.seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    pictures = np.load(args.pictures)
    model = keras_fit.net(Article.dropout, keras.regularizers.L2(Article.l2 / 2))
    optimizer = keras.optimizers.Adam(Article.rate, use_ema=True, ema_momentum=Article.ema)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    weights = dict.fromkeys(range(contenders.CLASSES), 1.0)
    weights[Article.disgust] = Article.disgust_weight
    model.fit(
        keras_input.pipeline(
            pictures["images"][..., None], pictures["labels"], Article.batch, Article.augmentation
        ),
        class_weight=weights,
        validation_data=(
            pictures["public_images"][..., None] / np.float32(255),
            pictures["public_labels"],
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
