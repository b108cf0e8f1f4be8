"""The training graph, its parts, and the loop that runs it."""
