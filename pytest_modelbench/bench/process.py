"""A process that measures: its device, its environment, and where its records go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.records import CheckKey, Record
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.host.cores import core_count
from pytest_modelbench.measure.allocator import settle_allocator
from pytest_modelbench.measure.environment import detect, pin, resolve_device
from pytest_modelbench.measure.lockstep import Turns

__tracebackhide__ = hide_own_frames


@dataclass(slots=True, repr=False)
class Bench:
    """One process that measures. ``send`` takes each record as it is made."""

    settings: Settings
    device: torch.device
    environment: Environment
    process: int
    send: Callable[[Record], None]
    calm_s: float | None = None  #: the reference's time per call at its fastest in this session, so far as is known
    home: str = ""  #: in a duet, where the session was started: this process runs in the tree of its own code
    turns: Turns | None = None  #: in a duet, the word with the controller about whose turn it is
    _sent: set[CheckKey] = field(default_factory=set)

    def __repr__(self) -> str:
        return f"<bench on {self.device}>"

    def record(self, record: Record) -> None:
        """Hand a record on; raises MeasureError for a second one of the same name in the same test."""
        if record.key in self._sent:
            raise MeasureError(
                f"{record.test} records {record.name!r} twice; give the second a name of its own, as in "
                f"name={record.name + '_2'!r}"
            )
        self._sent.add(record.key)
        self.send(record)

    def forget(self, test: str) -> None:
        """A test begins (again, if a plugin reruns it): what it recorded before does not count."""
        self._sent = {key for key in self._sent if key.test != test}


def begin(
    settings: Settings,
    process: int,
    send: Callable[[Record], None],
    *,
    own_process: bool = True,
    calm_s: float | None = None,
    turns: Turns | None = None,
    home: str = "",
) -> Bench:
    """This process made ready for measuring: device chosen, on the CPU threads limited and pinned to cores.

    ``own_process=False`` leaves threads and cores alone: the process does other things than measuring.

    Raises UsageError for a device that is unknown or not here.
    """
    device = resolve_device(settings.device)
    cores = core_count()
    if device.type == "cpu" and settings.threads > cores:
        raise UsageError(f"--modelbench-threads={settings.threads}: this process may use {cores} cores")
    if device.type == "cpu" and own_process:
        # Unpinned or with several threads, unchanged code varies two to four times as much between processes.
        torch.set_num_threads(settings.threads)
        pin(settings.threads)
        settle_allocator()
    environment = detect(device, threads=settings.threads, cores=cores)
    return Bench(settings, device, environment, process, send, calm_s, home, turns)
