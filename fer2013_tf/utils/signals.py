"""Turn Ctrl-C and SIGTERM into a flag that a loop checks."""

import signal
import threading


class Interrupts:
    """Context in which SIGINT and SIGTERM only set `received` to the signal's number.

    Python lets its main thread alone handle signals. In another thread nothing is changed, and
    `received` stays None.
    """

    def __enter__(self):
        self.received, self._before = None, {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            # None: it was not set from Python, and cannot be set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number, _):
        self.received = number
