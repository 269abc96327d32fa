"""What results files hold, found by what it is about: figures by subject, metric and setting, device by device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.environment import Environment, Fact
from pytest_modelbench.core.measurement import disturbance
from pytest_modelbench.core.metrics import Scope
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.published.guide.cases import Setting, Subject, read_case
from pytest_modelbench.published.guide.measures import TRAINING

#: Provenance that makes another column of the same device: what a figure is quoted with.
VERSIONS = ("torch", "torchvision", "timm", "cuda", "cudnn", "driver")


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """One results file: where it lies, when it was made, from what, and with what."""

    file: str
    started: str
    commit: str | None
    dirty: bool
    processes: int
    checks: int
    interrupted: bool
    environment: Environment | None

    @property
    def day(self) -> str:
        """The date, ``2026-11-22``."""
        return self.started[:10]


@dataclass(frozen=True, slots=True)
class MeasuredFigure:
    """One measured figure, in its metric's unit.

    ``data`` names the labelled images behind an accuracy, ``images`` says how many. ``disturbed`` says what disturbed
    the measurement, empty if nothing did.
    """

    metric: str
    unit: str
    subject: Subject
    setting: Setting
    value: float
    processes: int
    portable: bool
    run: MeasuredRun
    data: str = ""
    images: int | None = None
    disturbed: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """One device with one set of versions: one column. ``kind`` is ``cpu``, ``cuda`` or another accelerator's type."""

    title: str
    kind: str
    runs: tuple[MeasuredRun, ...]
    figures: Mapping[tuple[Subject, str], tuple[MeasuredFigure, ...]] = field(repr=False)

    def find(self, subject: Subject, metric: str) -> tuple[MeasuredFigure, ...]:
        """Figures of ``metric`` for ``subject``, the newest of each setting and data, newest first."""
        return self.figures.get((subject, metric), ())

    @property
    def timed(self) -> bool:
        """Whether anything was measured here that holds for this device only."""
        return any(not one.portable for found in self.figures.values() for one in found)


class Archive:
    """All results files together."""

    def __init__(self, sessions: Sequence[tuple[str, Session]]) -> None:
        #: As they were given; so devices come in that order, too.
        self.runs = tuple(_run(file, session) for file, session in sessions)
        found = [one for file, session in sessions for one in _figures(_run(file, session), session)]
        found.sort(key=lambda one: one.run.started, reverse=True)
        groups: dict[tuple[Fact, ...], list[MeasuredFigure]] = {}
        for run in self.runs:
            if run.environment is not None:
                groups.setdefault(_group(run.environment), [])
        for one in found:
            assert one.run.environment is not None
            groups[_group(one.run.environment)].append(one)
        titles = _titles([_first_environment(self.runs, key) for key in groups])
        self.devices = tuple(
            _device(title, [run for run in self.runs if _is_of(run, key)], among)
            for title, (key, among) in zip(titles, groups.items(), strict=True)
        )
        self._everywhere = _indexed(one for one in found if one.portable)
        #: Figures that should be the same on every machine and are not, newest first.
        self.disagreements = _disagreements(found)

    def find(self, subject: Subject, metric: str) -> tuple[MeasuredFigure, ...]:
        """Figures of a ``metric`` that holds on every machine, the newest of each setting and data, newest first."""
        return self._everywhere.get((subject, metric), ())

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of devices that anything was timed on."""
        return frozenset(device.kind for device in self.devices if device.timed)


def _run(file: str, session: Session) -> MeasuredRun:
    stamp = session.stamp
    return MeasuredRun(
        file, stamp.started, stamp.commit, stamp.dirty, session.processes, len(session.checks), session.interrupted,
        session.environment,
    )  # fmt: skip


def _figures(run: MeasuredRun, session: Session) -> Iterable[MeasuredFigure]:
    # A test may record a metric several times, under names of its own; the one under the metric's name speaks for it.
    for check in sorted(session.checks, key=lambda check: check.key.name != check.metric.name):
        read = read_case(check.case)
        if read is None or run.environment is None:
            continue
        subject, setting = read
        figures = check.measurements[-1].figures if check.measurements else {}
        count, seconds = figures.get("samples"), figures.get("seconds")
        found = MeasuredFigure(
            check.metric.name,
            check.metric.unit,
            subject,
            setting,
            check.judgement.value,
            check.judgement.processes,
            check.metric.scope is Scope.PORTABLE,
            run,
            check.case.data if isinstance(check.case, Case) else "",
            count if isinstance(count, int) else None,
            _disturbed(check),
        )
        yield found
        if found.metric == "final_accuracy" and isinstance(seconds, float):
            yield replace(found, metric=TRAINING, unit="s", value=seconds, images=None)


def _disturbed(check: Check) -> str:
    """What disturbed most of the processes behind ``check``, or an empty string."""
    found = disturbance(check.measurements)
    return f"{found.processes} of {found.of} processes; {found.cause}" if found else ""


def _group(environment: Environment) -> tuple[Fact, ...]:
    return (environment.slug, *(environment.provenance.get(name) for name in VERSIONS))


def _is_of(run: MeasuredRun, key: tuple[Fact, ...]) -> bool:
    return run.environment is not None and _group(run.environment) == key


def _first_environment(runs: Sequence[MeasuredRun], key: tuple[Fact, ...]) -> Environment:
    return next(run.environment for run in runs if run.environment is not None and _is_of(run, key))


def _titles(environments: Sequence[Environment]) -> list[str]:
    """A title for each: its device's name, with the versions that differ where two have the same."""
    titles = []
    for one in environments:
        namesakes = [other for other in environments if other.name == one.name]
        told = [
            f"{name} {one.provenance.get(name, 'unknown')}"
            for name in VERSIONS
            if len({other.provenance.get(name) for other in namesakes}) > 1
        ]
        if len({other.slug for other in namesakes}) > 1:
            told.insert(0, one.slug)
        titles.append(", ".join([one.name, *told]))
    return titles


def _device(title: str, runs: Sequence[MeasuredRun], found: Iterable[MeasuredFigure]) -> Device:
    environment = runs[0].environment
    assert environment is not None
    kind = str(environment.identity.get("device", environment.kind))
    return Device(title, kind, tuple(runs), _indexed(found))


def _indexed(found: Iterable[MeasuredFigure]) -> dict[tuple[Subject, str], tuple[MeasuredFigure, ...]]:
    index: defaultdict[tuple[Subject, str], dict[tuple[Setting, str], MeasuredFigure]] = defaultdict(dict)
    for one in found:
        index[one.subject, one.metric].setdefault((one.setting, one.data), one)
    return {key: tuple(known.values()) for key, known in index.items()}


def _disagreements(found: Sequence[MeasuredFigure]) -> tuple[tuple[MeasuredFigure, MeasuredFigure], ...]:
    """Pairs (newer, older) of portable figures that differ between files."""
    newest: dict[tuple[Subject, str, Setting, str], MeasuredFigure] = {}
    pairs = []
    for one in found:
        if one.portable:
            newer = newest.setdefault((one.subject, one.metric, one.setting, one.data), one)
            if newer.run != one.run and newer.value != one.value:
                pairs.append((newer, one))
    return tuple(pairs)
