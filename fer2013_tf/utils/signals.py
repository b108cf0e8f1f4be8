"""Turn Ctrl-C and SIGTERM into a flag that a loop checks."""

import signal


class Interrupts:
    """Context in which SIGINT and SIGTERM only set `received` to the signal's number."""

    def __enter__(self):
        self.received = None
        self._before = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, _):
        self.received = number
