"""Predictions for images and videos: the `Recognizer` and the outputs of `predict`."""
