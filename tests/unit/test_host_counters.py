"""Instructions by the kernel's counters: over all threads, refused with what helps, and never a part for the whole."""

import errno
import os
import struct
import threading

import pytest

from pytest_modelbench.core.errors import MeasureError, UnavailableError
from pytest_modelbench.host import counters
from pytest_modelbench.host.counters import INSTRUCTIONS, Event, counting, open_counter

#: Of linux/perf_event.h: a software event, which virtual machines have, too. Nanoseconds that threads ran.
TASK_CLOCK = Event(1, 1, "run time")


def refusing(number):
    def opens(event, thread):
        raise OSError(number, os.strerror(number))

    return opens


def fake_proc(tmp_path, level="2", threads=("7", "9")):
    for name in threads:
        (tmp_path / "self/task" / name).mkdir(parents=True)
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/perf_event_paranoid").write_text(f"{level}\n")
    return tmp_path


@pytest.fixture
def told(monkeypatch):
    """Readings of made up counters, by thread; what they were told."""
    said = []
    monkeypatch.setattr(counters.fcntl, "ioctl", lambda descriptor, what, _: said.append((descriptor, what)))
    return said


def opening(readings):
    """Counters that are pipes, in which their readings are: before, and after."""
    opened = {}

    def opens(event, thread):
        if thread not in readings:
            raise ProcessLookupError
        read, write = os.pipe()
        for reading in readings[thread]:
            os.write(write, struct.pack("QQQ", *reading))
        os.close(write)
        opened[thread] = read
        return read

    opens.opened = opened
    return opens


def test_all_threads_are_counted_from_nothing(tmp_path, told):
    opens = opening({7: [(500, 10, 10), (1500, 60, 60)], 9: [(0, 0, 0), (234, 50, 50)]})
    with counting(opens=opens, proc=fake_proc(tmp_path), devices=tmp_path) as counter:
        counter.start()
        assert counter.stop() == 1234
    seven, nine = opens.opened[7], opens.opened[9]
    enable, disable = 0x2400, 0x2401
    assert told == [(seven, enable), (nine, enable), (seven, disable), (nine, disable)]
    for descriptor in (seven, nine):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_a_count_of_part_of_the_time_is_none(tmp_path, told):
    opens = opening({7: [(0, 0, 0), (1000, 50, 50)], 9: [(0, 0, 0), (234, 100, 60)]})
    with counting(opens=opens, proc=fake_proc(tmp_path), devices=tmp_path) as counter:
        counter.start()
        with pytest.raises(MeasureError, match="60% of the time"):
            counter.stop()


def test_threads_that_end_meanwhile_are_left_out_and_those_that_begin_are_not(tmp_path, told):
    readings = {7: [(0, 0, 0), (10, 5, 5)], 11: [(0, 0, 0), (20, 5, 5)]}
    proc = fake_proc(tmp_path, threads=("7", "9"))
    opens = opening(readings)

    def opens_and_starts(event, thread):
        (proc / "self/task/11").mkdir(exist_ok=True)
        return opens(event, thread)

    with counting(opens=opens_and_starts, proc=proc, devices=tmp_path) as counter:
        counter.start()
        assert counter.stop() == 30


def test_cores_of_several_kinds_are_refused(tmp_path):
    for name in ("cpu_core", "cpu_atom", "uncore_imc"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cpus").write_text("0-3")
    with pytest.raises(UnavailableError, match=r"several kinds \(cpu_atom, cpu_core\)"), counting(devices=tmp_path):
        pytest.fail("nothing is counted")


@pytest.mark.parametrize(
    ("number", "level", "why"),
    [
        (errno.ENOENT, "2", "shows the kernel no counters, as in most virtual machines; use bare metal"),
        (errno.EACCES, "4", "kernel.perf_event_paranoid is 4: sudo sysctl kernel.perf_event_paranoid=2"),
        (errno.EPERM, "2", "the kernel refuses it, as containers do: docker run --cap-add=PERFMON"),
        (errno.ENOSYS, "2", "that takes Linux on x86-64 or Arm"),
        (errno.EMFILE, "2", "Too many open files"),
    ],
)
def test_what_is_not_counted_is_refused_with_what_helps(tmp_path, number, level, why):
    refusal = pytest.raises(UnavailableError, match="instructions cannot be counted here: ")
    with refusal as refused, counting(opens=refusing(number), proc=fake_proc(tmp_path, level), devices=tmp_path):
        pytest.fail("nothing is counted")
    assert why in str(refused.value)


def test_without_proc_it_takes_linux(tmp_path):
    with pytest.raises(UnavailableError, match="that takes Linux"), counting(proc=tmp_path, devices=tmp_path):
        pytest.fail("nothing is counted")


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="Linux alone has it")
def test_the_kernel_understands_what_it_is_told():
    try:
        os.close(open_counter(TASK_CLOCK, 0))
    except OSError as error:
        pytest.skip(f"this kernel counts nothing: {error}")
    before = threading.Thread(target=threading.Event().wait, args=(5,), daemon=True)
    before.start()
    with counting(TASK_CLOCK) as counter:
        counter.start()
        least = counter.stop()
        counter.start()
        later = threading.Thread(target=sum, args=(range(3_000_000),))
        later.start()
        later.join()
        assert counter.stop() > 10 * least > 0
        counter.start()
        assert counter.stop() < 10 * least  # what threads did that have ended is of the time before


def test_no_counter_is_known_on_other_processors(monkeypatch):
    monkeypatch.setattr(counters.platform, "machine", lambda: "riscv64")
    with pytest.raises(OSError) as refused:
        open_counter(INSTRUCTIONS, 0)
    assert refused.value.errno == errno.ENOSYS
