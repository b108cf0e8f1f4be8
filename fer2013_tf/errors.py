"""The one exception a user can cause; commands print it as one line and exit with status 2."""


class UserError(Exception):
    """What went wrong, where (file, row or key) and what to do about it.

    `details` are further lines printed below the first (for example the first ten bad rows).
    """

    def __init__(self, message, details=()):
        super().__init__(message)
        self.details = tuple(details)
