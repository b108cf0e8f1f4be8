"""Generators of committed pages and lists: `python -m tools.NAME` rewrites each."""
