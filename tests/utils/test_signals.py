"""Signals become a flag in the main thread, and are left alone in others."""

import os
import signal
import threading

from fer2013_tf.utils.signals import Interrupts


def test_interrupts_sets_the_flag_and_restores_the_handlers():
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.received == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_interrupts_in_another_thread_changes_nothing():
    found = []

    def body():
        with Interrupts() as interrupts:
            found.append((interrupts.received, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=body)
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    thread.join()
    assert found == [(None, before)]
