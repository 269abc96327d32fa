"""How long a thread waited for a core, from a file that stands for the kernel's."""

import os
import threading

import pytest

from pytest_modelbench.host.run_delay import RunDelay


@pytest.fixture
def schedstat(tmp_path):
    """The file of the thread that asks; returns what writes it."""

    def write(text, thread=None):
        folder = tmp_path / f"self/task/{thread or threading.get_native_id()}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "schedstat").write_text(text)

    return write


def test_it_is_the_second_number_of_the_thread_that_asks(tmp_path, schedstat):
    delay = RunDelay(tmp_path)
    schedstat("100 20 3\n")
    assert delay.read_ns() == 20
    schedstat("200 45 4\n")
    assert delay.read_ns() == 45
    found = []

    def ask():
        schedstat("1 7 1\n")
        found.append(delay.read_ns())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [7]
    assert delay.read_ns() == 45


@pytest.mark.parametrize("text", ["", "0 0 0\n", "1 2\n", "a b c\n", "100 -5 3\n", "100 20 0\n"])
def test_what_does_not_tell_is_none(tmp_path, schedstat, text):
    schedstat(text)
    assert RunDelay(tmp_path).read_ns() is None


def test_where_there_is_no_such_file_it_is_none(tmp_path):
    assert RunDelay(tmp_path / "nowhere").read_ns() is None


def test_a_file_that_a_test_has_closed_is_opened_again(tmp_path, schedstat):
    schedstat("100 20 3\n")
    delay = RunDelay(tmp_path)
    assert delay.read_ns() == 20
    os.close(delay._file)
    assert delay.read_ns() == 20
    os.close(delay._file)
    other = os.open(__file__, os.O_RDONLY)  # gets the number that was closed
    assert delay.read_ns() == 20
    os.close(other)
    delay.close()
    delay.close()


@pytest.mark.skipif(not os.path.exists("/proc/thread-self/schedstat"), reason="only Linux counts it")
def test_the_kernel_tells_of_this_thread():
    first = RunDelay().read_ns()
    assert first is None or first <= RunDelay().read_ns()
