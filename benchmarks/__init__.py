"""Speed beside what a user would pick instead; each command alternates its contenders."""

import os

# TensorFlow's start-up messages would stand between the tables.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
