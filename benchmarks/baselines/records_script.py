"""The script one writes: pandas reads the CSV, Pillow holds an image, TFRecordWriter writes it."""

import sys
from pathlib import Path

import numpy as np
import pandas
import tensorflow as tf
from PIL import Image


def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def main():
    source, out = sys.argv[1:]
    Path(out).mkdir(exist_ok=True)
    table = pandas.read_csv(source)
    for split, rows in table.groupby("Usage"):
        with tf.io.TFRecordWriter(f"{out}/{split}.tfrecord") as writer:
            for label, text in zip(rows["emotion"], rows["pixels"]):
                pixels = np.array(text.split(), dtype=np.uint8).reshape(48, 48)
                image = Image.fromarray(pixels)
                features = {"image": feature(image.tobytes()), "label": feature(label)}
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())


if __name__ == "__main__":
    main()
