"""Plans of experiments, the runner that trains them, and their results."""
