"""Signals that end what runs wait for a place where nothing takes the exception; nobody else's are touched."""

import signal
import threading

import pytest

from pytest_modelbench.host.interrupts import deferred_interrupts, interruptible


@pytest.fixture(autouse=True)
def default():
    before = [
        (number, signal.signal(number, handler))
        for number, handler in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
            (signal.SIGHUP, signal.SIG_DFL),
        )
    ]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def course(*steps):
    """How far a deferring stretch of ``steps`` comes, and what it raises: signals, "wait", or words that say where."""
    reached: list[str] = []
    try:
        with deferred_interrupts():
            for step in steps:
                if isinstance(step, signal.Signals):
                    signal.raise_signal(step)
                elif step == "wait":
                    with interruptible():
                        pass
                else:
                    reached.append(step)
    except KeyboardInterrupt as interruption:
        return reached, f"interrupted {interruption}".strip()
    return reached, ""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "interrupted SIGTERM"),
        (signal.SIGHUP, "interrupted SIGHUP"),
    ],
)
def test_one_that_comes_while_something_is_done_is_raised_at_the_next_wait(number, said) -> None:
    assert course("begun", number, "done", "wait", "too far") == (["begun", "done"], said)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_one_that_no_wait_follows_is_raised_at_the_end() -> None:
    assert course("wait", signal.SIGTERM, "done") == (["done"], "interrupted SIGTERM")


def test_without_one_nothing_happens() -> None:
    assert course("begun", "wait", "done") == (["begun", "done"], "")


def test_a_second_one_does_not_wait() -> None:
    assert course(signal.SIGTERM, "done", signal.SIGINT, "too far") == (["done"], "interrupted")


def test_one_that_comes_in_a_wait_is_raised_there() -> None:
    reached = []

    def waits():
        with deferred_interrupts(), interruptible():
            signal.raise_signal(signal.SIGTERM)
            reached.append("too far")

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        waits()
    assert not reached


def test_what_tidies_up_after_one_is_not_cut_short_by_a_second() -> None:
    reached = []

    def ends():
        with deferred_interrupts():
            try:
                with interruptible():
                    signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGINT)
                reached.append("tidied up")

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        ends()
    assert reached == ["tidied up"]


def test_an_error_of_its_own_is_not_covered_up() -> None:
    def breaks():
        with deferred_interrupts():
            signal.raise_signal(signal.SIGTERM)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        breaks()


def test_a_wait_outside_is_a_wait() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)


def test_a_handler_of_somebody_else_stays() -> None:
    heard = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    with deferred_interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_another_thread_goes_without() -> None:
    found = []

    def session():
        with deferred_interrupts():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=session)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
