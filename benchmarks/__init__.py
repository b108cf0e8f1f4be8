"""Speed and quality beside what a user would pick instead; one command per question.

README.md lists the commands. Helpers are in lib/, the programs compared in baselines/.
"""

import os

# TensorFlow's messages at start-up would appear between the tables.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
