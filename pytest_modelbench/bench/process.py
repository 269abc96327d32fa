"""A process that measures: its device, its environment, and where its records go.

It imports torch no earlier than something needs it: a test that records a number of its own does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.bench.home import Home
from pytest_modelbench.core.blocks import Enough
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import CheckKey, Measurement
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.host.cores import core_count
from pytest_modelbench.measure.arrival import when_imported
from pytest_modelbench.measure.devices import CPU, give_back, make_current, resolve_device, why_lost
from pytest_modelbench.measure.environment import detect, doubt, drift
from pytest_modelbench.measure.lockstep import Turns
from pytest_modelbench.measure.pinning import keep_to, pin

if TYPE_CHECKING:
    import torch

__tracebackhide__ = hide_own_frames

#: What lies below is no part of the project under test.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(slots=True, repr=False)
class Bench:
    """One process that measures. ``send`` takes each measurement as it is made."""

    settings: Settings
    device_name: str  #: as torch writes it: ``cpu``, ``cuda:1``
    environment: Environment
    process: int
    send: Callable[[Measurement], None]
    best_reference_s: float | None = None  #: the reference's best time per call in this session, so far as is known
    home: Home | None = None  #: in a pair, where the user's files are: this process runs in the tree of its own code
    turns: Turns | None = None  #: in a pair, the word with the controller about whose turn it is
    settled: bool = False  #: this process was made what its environment says, and has to stay so while it measures
    written: list[set[str]] = field(default_factory=list)  #: of each model, the files that it is written in
    doubt: str = ""  #: why nothing may be recorded here: torch came late and contradicts the environment
    enough_of: Mapping[str, Enough] = field(default_factory=dict)  #: by test, where fewer blocks are asked for
    placing: bool = False  #: verdicts are known: this process is to say where in its models the time goes
    test: str = ""  #: that runs
    _sent: set[CheckKey] = field(default_factory=set)

    def __repr__(self) -> str:
        return f"<bench on {self.device_name}>"

    @property
    def device(self) -> torch.device:
        """The device, which takes torch."""
        import torch

        return torch.device(self.device_name)

    def record(self, measurement: Measurement) -> None:
        """Hand a measurement on.

        Raises MeasureError for a second one of the same name in the same test, and where the environment is in doubt.
        """
        if self.doubt:
            raise MeasureError(f"{measurement.test}: {self.doubt}")
        if measurement.key in self._sent:
            raise MeasureError(
                f"{measurement.test} records {measurement.name!r} twice; give the second a name of its own, as in "
                f"name={measurement.name + '_2'!r}"
            )
        self._sent.add(measurement.key)
        self.send(measurement)

    def check_environment(self, case: str) -> None:
        """Raise MeasureError if ``case`` was measured otherwise than the environment says that it is filed under."""
        if self.settled and (changed := drift(self.environment)):
            raise MeasureError(
                f"{case} is not measured as {self.environment.slug} says, since the test or its model switched: "
                f"{changed}. Leave that as it is; or choose it for the whole session, threads by --modelbench-threads, "
                "the rest in conftest.py"
            )

    def what_is_lost(self, test: str) -> str:
        """Why no later test may run in this process, after ``test``; empty: nothing is in the way."""
        if not self.settled:
            return ""
        if why := why_lost(self.device_name):
            return f"{test} lost the context of {self.device_name} ({why})"
        graphs = sys.modules.get("pytest_modelbench.models.graphs")
        return f"in {test}, {graphs.FAILED[-1]}" if graphs and graphs.FAILED else ""

    def take_files(self) -> set[str]:
        """Files of models that were built since this was asked last, without what is installed."""
        taken, self.written = self.written, []
        return {file for files in taken for file in files if _INSTALLED.isdisjoint(Path(file).parts)}

    def forget(self, test: str) -> None:
        """A test begins (again, if a plugin reruns it): what it recorded before does not count.

        On an accelerator, what earlier ones left behind does not take its memory.
        """
        if self.settled:
            give_back(self.device_name)
        self.test = test
        self._sent = {key for key in self._sent if key.test != test}

    @property
    def enough(self) -> Enough:
        """How many blocks are asked of the test that runs."""
        return self.enough_of.get(self.test, Enough.AGREEING)


@dataclass(frozen=True, slots=True)
class Paired:
    """What a process of a pair knows beside what any one knows; see `Bench`.

    Without ``turns`` the other one runs at another time.
    """

    turns: Turns | None
    home: Home | None = None


def begin(
    settings: Settings,
    process: int,
    send: Callable[[Measurement], None],
    *,
    best_reference_s: float | None = None,
    paired: Paired | None = None,
    own_process: bool = True,
    on_cores: Sequence[int] = (),
) -> Bench:
    """This process made ready for measuring: device chosen, on the CPU threads limited and pinned to cores.

    ``on_cores`` are those that whoever started it has chosen. ``own_process=False`` leaves threads and cores alone: the
    process does other things than measuring. Where torch is not imported yet, and the device is the CPU, its part is
    done as soon as it is, whoever imports it.

    Raises UsageError for a device that is unknown or not here.
    """
    device = resolve_device(settings.device)
    cores = core_count()
    if device == CPU and settings.threads > cores:
        raise UsageError(f"--modelbench-threads={settings.threads}: this process may use {cores} cores")
    if device == CPU and own_process:
        # Unpinned or with several threads, unchanged code varies two to four times as much between processes.
        when_imported("torch", partial(_settle, settings.threads))
        pin(settings.threads, on_cores)
    if device != CPU and own_process:
        keep_to(settings.host_cores, device)
        make_current(device)
    environment = detect(device, threads=settings.threads, cores=cores, host_cores=settings.host_cores)
    turns, home = (paired.turns, paired.home) if paired else (None, None)
    bench = Bench(settings, device, environment, process, send, best_reference_s, home, turns, settled=own_process)
    if device == CPU:
        when_imported("torch", partial(_hold_against_torch, bench))
    return bench


def _settle(threads: int) -> None:
    import torch

    from pytest_modelbench.measure.allocator import settle_allocator

    torch.set_num_threads(threads)
    settle_allocator()


def _hold_against_torch(bench: Bench) -> None:
    # Not raised here, out of somebody's import statement, which would leave torch half imported.
    bench.doubt = doubt(bench.environment)
