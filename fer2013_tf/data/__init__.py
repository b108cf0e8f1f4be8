"""Datasets as TFRecords: readers of source formats, labels and splits, records."""
