"""The programs that are compared, ours among them: one module each, run as a process of its own."""
