"""Evaluate exactly: graph, classifier, ensembles, metrics, calibration, corruptions."""
