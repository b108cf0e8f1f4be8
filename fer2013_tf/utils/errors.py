"""The exception for errors that a user can fix; commands print it and exit with status 2."""


class UserError(Exception):
    """An error that a user can fix. The message says what, where (file, row, key) and the remedy.

    details: lines printed below the message, for example the first ten bad rows.
    """

    def __init__(self, message, details=()):
        super().__init__(message)
        self.details = tuple(details)
