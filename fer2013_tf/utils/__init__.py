"""Helpers that every other package may use; they import nothing else of the program."""
