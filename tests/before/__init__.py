"""Files that the program of commit b4955ce wrote, and what it answered with them.

Read by tests/test_files_of_before.py; made by make_fixtures.py, which says how.
"""
