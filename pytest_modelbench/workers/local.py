"""A worker process of this machine as the controller sees it: started, listened to, ended, its death explained."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass

from pytest_modelbench import WORKER_VARIABLE
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.host.interrupts import interruptible
from pytest_modelbench.host.proc import out_of_memory_kills
from pytest_modelbench.workers.connection import Connection, Timeout
from pytest_modelbench.workers.events import Done, Event, Finished, Quiet, Started
from pytest_modelbench.workers.job import Job, Site
from pytest_modelbench.workers.last_words import telling_part
from pytest_modelbench.workers.watchdog import FAMILY, end_family, watchdog
from pytest_modelbench.workers.wire import Lines, job_line

#: How long a worker that was asked to end may take before it is killed. Ctrl-C promises two seconds in all.
GRACE_S = 0.5
#: How long the tidying up of a worker that is done may take: exit handlers, coverage data.
LINGER_S = 10.0
#: How often a silent worker is looked at.
POLL_S = 0.5
#: What a machine says that has no processes, files, memory or disk left.
_EXHAUSTED = (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC)
#: How much of a dead worker's own output is looked at.
TAIL_BYTES = 1 << 20


# Nothing is imported from the folder that this process is in, where a queue.py may lie; the worker goes into its own
# folder itself.
_ENTRY = "import sys; sys.path[:] = filter(None, sys.path); from pytest_modelbench.workers.worker import start; start()"


@dataclass(frozen=True, slots=True)
class ProcessStart:
    """How a process is started: by which interpreter, in which folder, and whether its output is shown."""

    python: str = sys.executable
    folder: str = "."
    show_output: bool = False


class LocalWorker:
    """One fresh pytest process: a `connection.Connection`.

    Used as a context manager: at the end, the whole process group is gone.
    """

    def __init__(self, job: Job, site: Site, start: ProcessStart) -> None:
        if os.name != "posix":
            raise UsageError("worker processes need Linux or macOS; here, run with --modelbench-inline")
        self._ooms = out_of_memory_kills()
        self._timed_out_after_s: float | None = None
        self._garbled = ""
        self._paused_at_s: float | None = None
        self._paused_s = 0.0
        self._through = False
        self._family = uuid.uuid4().hex
        with ExitStack() as opened:  # closed again if something is not to be had
            self._events, event_write = _pipe(opened)
            control_read, self._control = _pipe(opened)
            # A file, not a pipe: nobody has to read it for the worker to go on.
            self._output = opened.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                [start.python, "-c", _ENTRY, str(event_write), str(control_read), start.folder],
                # What it says of selection and reports is the controller's business, as are addopts.
                env=_environment(site, self._family),
                stdin=subprocess.DEVNULL,
                stdout=None if start.show_output else self._output,
                stderr=None if start.show_output else self._output,
                pass_fds=(event_write, control_read),
                # Its own group, so that Ctrl-C reaches the controller alone, which then ends all of the group.
                start_new_session=True,
            )
            opened.pop_all()
        try:
            watchdog().watch(self._process.pid, self._family)
            os.close(event_write)
            os.close(control_read)
            with contextlib.suppress(BrokenPipeError):
                _write_all(self._control, job_line(job, site))
        except BaseException:
            # Ctrl-C comes at any moment, and nobody has entered the context yet who would end it.
            self.end()
            raise

    def __enter__(self) -> LocalWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        if not self._through:
            end_family(self._family)  # as fixtures start servers, in sessions of their own
        watchdog().forget(self._process.pid, self._family)
        os.close(self._events)
        os.close(self._control)
        self._output.close()

    def messages(self, timeout_s: Timeout) -> Iterator[Event | Quiet]:
        """Events as they come, until the worker ends; now and then that there was none.

        ``timeout_s(test)`` is how long that test may take, ``timeout_s(None)`` how long anything between tests may;
        when it runs out, the worker is made to say where it hangs, and killed.
        """
        lines = Lines()
        allowed_s = timeout_s(None)
        deadline = self._clock_s() + allowed_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ)
            while True:
                dead = self._process.poll() is not None
                # The pipe may outlive the worker, in the hands of a child that it forked: look at both.
                with interruptible():
                    ready = selector.select(0 if dead else min(POLL_S, max(0.0, deadline - self._clock_s())))
                if not ready:
                    if dead:
                        return
                    if self._clock_s() < deadline:
                        yield Quiet()
                        continue
                    self._timed_out_after_s = allowed_s
                    self._abort()
                    return
                data = os.read(self._events, 1 << 16)
                if not data:
                    return
                for event in self._readable(lines.feed(data)):
                    self._through = self._through or isinstance(event, Done)
                    if isinstance(event, (Started, Finished)):
                        allowed_s = timeout_s(event.test if isinstance(event, Started) else None)
                        deadline = self._clock_s() + allowed_s
                    yield event
                if self._garbled:
                    self.end()
                    return

    def _readable(self, events: Iterator[Event]) -> Iterator[Event]:
        """Events up to the first that cannot be read, which is kept in words."""
        while True:
            try:
                event = next(events)
            except StopIteration:
                return
            except ValueError as error:
                self._garbled = str(error)
                return
            yield event

    def answer(self, word: str) -> None:
        """Tell a worker that waits for a word."""
        with contextlib.suppress(BrokenPipeError):  # it is gone: its messages end, and say so
            _write_all(self._control, word.encode() + b"\n")

    def pause(self) -> None:
        """Stop the worker and everything it started, until `resume`; time stands still for its timeout."""
        if self._paused_at_s is None:
            self._paused_at_s = time.monotonic()
            self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the worker run again."""
        if self._paused_at_s is not None:
            self._paused_s += time.monotonic() - self._paused_at_s
            self._paused_at_s = None
            self._signal(signal.SIGCONT)

    def _clock_s(self) -> float:
        """Seconds of a clock that stands while the worker is paused."""
        paused_s = self._paused_s + (time.monotonic() - self._paused_at_s if self._paused_at_s is not None else 0.0)
        return time.monotonic() - paused_s

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def end(self) -> None:
        """End the worker and everything it started."""
        self.resume()  # a stopped process cannot tidy up
        for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 5.0)):
            if self._process.poll() is not None and number == signal.SIGTERM:
                continue
            self._signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)

    def wait(self) -> int:
        """Exit status of a worker that has nothing more to say; one that lingers is ended."""
        with contextlib.suppress(subprocess.TimeoutExpired), interruptible():
            self._process.wait(LINGER_S)
        self.end()
        # None where not even SIGKILL ends it.
        return -signal.SIGKILL if self._process.returncode is None else self._process.returncode

    def death(self) -> str:
        """What became of a worker that ended before it was done, in words, with the end of its output."""
        status = self.wait()
        return "\n".join(part for part in (self._cause(status), self.output_tail()) if part)

    def output_tail(self) -> str:
        """The end of what the worker wrote past pytest's capturing."""
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - TAIL_BYTES))
        text = telling_part(self._output.read().decode(errors="replace"))
        return f"The end of its output:\n{text}" if text else ""

    def _cause(self, status: int) -> str:
        if self._garbled:
            return f"The worker process sent something that cannot be read and was killed: {self._garbled}"
        if self._timed_out_after_s is not None:
            return (
                f"The worker process gave no sign for {self._timed_out_after_s:g} s (--modelbench-timeout) and was "
                "killed."
            )
        if self._process.returncode is None:
            return (
                f"The worker process (pid {self._process.pid}) does not end, not even by SIGKILL: it hangs in the "
                "kernel, as a driver does that waits for its device. Look at dmesg; most often only a reboot helps."
            )
        if status == -signal.SIGKILL:
            rose = (self._ooms is not None) and (out_of_memory_kills() or 0) > self._ooms
            said = "the kernel's out-of-memory killer struck" if rose else "often the kernel's out-of-memory killer"
            return f"The worker process was killed by SIGKILL: {said}. Try a smaller batch or more memory."
        if status < 0:
            return f"The worker process died of {_signal_name(-status)} (a crash in native code)."
        return f"The worker process ended by itself with exit status {status} in the middle of its work."

    def _abort(self) -> None:
        # pytest's faulthandler writes every thread's stack on SIGABRT: that is where it hangs.
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self.end()


class _Unstarted:
    """A worker that could not be started: it tells nothing, and why."""

    def __init__(self, cause: str) -> None:
        self._cause = cause

    def messages(self, timeout_s: Timeout) -> Iterator[Event]:
        """Nothing."""
        return iter(())

    def answer(self, word: str) -> None:
        """Nobody hears it."""

    def pause(self) -> None:
        """There is nothing to stop."""

    def resume(self) -> None:
        """Nor to go on."""

    def wait(self) -> int:
        """The exit status of what cannot be executed, as shells have it."""
        return 126

    def death(self) -> str:
        """Why it is none."""
        return self._cause


def started(job: Job, site: Site, start: ProcessStart) -> AbstractContextManager[Connection]:
    """A worker of this machine; one that died at once if the machine has no process, file or memory left for it."""
    try:
        return LocalWorker(job, site, start)
    except OSError as error:
        limits = "; see the limits that ulimit -a lists, and what else runs" if error.errno in _EXHAUSTED else ""
        return nullcontext(_Unstarted(f"{start.python} cannot be started: {error.strerror or error}{limits}"))


def _pipe(opened: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        opened.callback(os.close, end)
    return ends


def _environment(site: Site, family: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    # The order of a set of names is the same in all processes: ids may be made in it.
    return {"PYTHONHASHSEED": "0", **inherited, WORKER_VARIABLE: site.worker, FAMILY: family}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
