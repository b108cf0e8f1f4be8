"""What Waitress answers by itself, as JSON: requests that are too large, or are no HTTP.

server = waitress.create_server(...)
server.channel_class = connections.channel(headers, "larger than 10 MB; ...")
"""

import json

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

# Up to so many bytes of a body that is too large are read, and dropped: a client that is still
# sending would take the end of the connection for an error, and not read the answer.
MOST_DROPPED = 1_000_000_000


def channel(headers, too_large):
    """Return the class of connections. headers: of all answers. too_large: what 413 says."""

    class JsonErrorTask(ErrorTask):
        def execute(self):
            self.request.error = _JsonError(self.request.error, headers, too_large)
            super().execute()

    class Channel(HTTPChannel):
        parser_class, error_task_class = _Parser, JsonErrorTask

    return Channel


class _JsonError:
    """An error of Waitress's that is answered as {"error": one line}."""

    def __init__(self, error, headers, too_large):
        self.error, self.headers, self.too_large = error, headers, too_large

    def to_response(self, _):
        code, reason, said = self.error.code, self.error.reason, self.error.body
        if isinstance(self.error, RequestEntityTooLarge):
            said = self.too_large
        body = json.dumps({"error": " ".join(f"{said or reason}".split())}).encode() + b"\n"
        headers = {**self.headers, "Content-Type": "application/json"}
        return f"{code} {reason}", list(headers.items()), body


class _Parser(HTTPRequestParser):
    left = 0  # bytes of a body that is too large, still to be dropped

    def received(self, data):
        if self.left:
            dropped = min(len(data), self.left)
            self.left -= dropped
            self.completed = not self.left
            return dropped
        consumed = super().received(data)
        if isinstance(self.error, RequestEntityTooLarge):
            self.left = self.content_length if self.content_length <= MOST_DROPPED else 0
            self.completed = not self.left
        return consumed
