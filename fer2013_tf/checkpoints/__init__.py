"""A run's folder: TensorFlow checkpoints, recipe.json, history.json, packed weights."""
