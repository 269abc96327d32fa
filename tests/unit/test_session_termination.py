"""SIGTERM within a session: as Ctrl-C, and nobody else's business is touched."""

import signal
import threading

import pytest

from pytest_modelbench.session.termination import sigterm_interrupts


@pytest.fixture(autouse=True)
def default():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_it_interrupts_and_is_put_back() -> None:
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), sigterm_interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_somebody_else_stays() -> None:
    heard = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    with sigterm_interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_another_thread_goes_without() -> None:
    found = []

    def session():
        with sigterm_interrupts():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=session)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
