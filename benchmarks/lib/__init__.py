"""Shared by all benchmarks: running candidates in turn, charts, memory, labeled test images."""
