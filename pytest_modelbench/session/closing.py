"""The end of a session: what is accepted, which files are written, what is told, and the exit status."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_modelbench.core.errors import BaselineError, ModelbenchError
from pytest_modelbench.core.locations import is_folder, without_secret
from pytest_modelbench.core.places import told_path
from pytest_modelbench.core.printable import printable, printable_lines
from pytest_modelbench.core.session import Outcome, Session, TestResult
from pytest_modelbench.core.settings import resolved
from pytest_modelbench.report.scale import plural
from pytest_modelbench.session.drift import drift_of, fault_line
from pytest_modelbench.session.nights import night_of
from pytest_modelbench.session.runner import SessionRunner
from pytest_modelbench.store.accepting import Acceptance, accept
from pytest_modelbench.store.atomic import write_atomically
from pytest_modelbench.store.attributes import written_note
from pytest_modelbench.store.moved import note_moved, read_moved
from pytest_modelbench.store.nights import NightsFile

if TYPE_CHECKING:
    from pytest_modelbench.core.series import Series
    from pytest_modelbench.report.summary import Told
    from pytest_modelbench.store.history import History

#: Exit status of a session in which nothing failed, but checks stayed open. pytest itself uses 0 to 6.
INCONCLUSIVE = 10


class Closing:
    """Closes the session that ``runner`` ran, and says how that went."""

    def __init__(self, runner: SessionRunner) -> None:
        self._runner = runner
        self._config = runner.config
        self._option = runner.config.option
        self._result: Session | None = None
        self._acceptance = Acceptance()
        self._unwritten = ""  #: why baselines could not be written
        self._lost: dict[str, int] = {}  #: baseline entries of modules that were skipped as a whole
        self._notes: list[str] = []
        self._unusable = False  #: something that was asked for could not be done at all
        self._drifted = False  #: the history tells of a change for the worse, and the session gates on that
        self._kept: History | Exception | None = None  #: what was read of the history, or why it could not be

    def close(self, result: Session, skipped_modules: Mapping[str, str]) -> None:
        """Accept and write files; ``skipped_modules`` are the reasons of modules that were skipped as a whole."""
        self._result = result
        if result.updating and not result.interrupted:
            try:
                even = self._runner.even_if_disturbed
                nights, store = self._runner.nights, self._runner.store
                moved = read_moved(self._moved) if self._moved else ()
                self._acceptance = accept(result, store, even_if_disturbed=even, nights=nights, moved=moved)
            except ModelbenchError as error:
                self._unwritten = str(error)
        self._write_files(result)
        self._leave_night(result)
        if not self._stands("DRIFT NOT LOOKED AT", partial(self._look_for_drift, result)):
            self._drifted = self._runner.settings.drift == "fail"
        for path, reason in skipped_modules.items():
            if count := self._runner.stored_of_module(path):
                self._lost[path] = count
                reason = reason.removeprefix("Skipped: ")
                told = self._runner.commands.here.argument(path)
                self._notes.append(f"NOT GATED: {told} was skipped as a whole, with {count} baseline entries: {reason}")
        if self._option.modelbench_html:
            self._stands("NOT WRITTEN", partial(self._written, partial(self._write_page, result)))

    @property
    def tests(self) -> Sequence[TestResult]:
        """How tests ended; none before it is closed."""
        return self._result.tests if self._result else ()

    def exit_status(self, status: int | pytest.ExitCode) -> int | pytest.ExitCode:
        """The session's exit status, ``status`` so far: one that is not 0 stays, unless files could not be written."""
        if self._unusable or self._unwritten:
            return pytest.ExitCode.USAGE_ERROR
        if status != pytest.ExitCode.OK or self._result is None:
            return status
        settings, updating = self._runner.settings, self._result.updating
        outcomes = [test.outcome for test in self._result.tests]
        if Outcome.FAILED in outcomes or self._acceptance.refused:
            return pytest.ExitCode.TESTS_FAILED
        if self._drifted:
            return pytest.ExitCode.TESTS_FAILED
        if self._lost and settings.skipped == "fail" and not updating:
            return pytest.ExitCode.TESTS_FAILED
        if self._result.absent and settings.orphans == "fail" and not updating:
            return pytest.ExitCode.TESTS_FAILED
        if outcomes and all(outcome is Outcome.SKIPPED for outcome in outcomes):
            self._notes.append(f"NOTHING GATED: all {len(outcomes)} tests were skipped; run with -rs to see why")
            return pytest.ExitCode.USAGE_ERROR
        if Outcome.INCONCLUSIVE in outcomes and settings.inconclusive == "fail":
            return INCONCLUSIVE
        return status

    def summary(self, width: int, *, colour: bool, quiet: bool) -> str:
        """The report for the terminal; empty where nothing happened that is worth one."""
        from pytest_modelbench.report import terminal

        result = self._result
        if result is None or not (result.tests or result.checks or self._notes or self._runner.processes):
            return ""
        told = self._told(result, failures_listed=not getattr(self._option, "no_summary", True))
        text = terminal.render(result, terminal.Look(width, colour, quiet), told)
        if result.updating and self._acceptance.changes:
            here = self._config.invocation_params.dir
            changes = [replace(one, file=told_path(one.file, here)) for one in self._acceptance.changes]
            text += "\n\n" + terminal.render_changes(changes, width=width, colour=colour, checks=result.checks)
        if path := self._runner.store.attributes:
            self._notes.append(written_note(told_path(path, self._config.invocation_params.dir)))
        return "\n".join([text, *self._notes])

    def _told(self, result: Session, *, failures_listed: bool) -> Told:
        """What a report says beside the session itself."""
        from pytest_modelbench.report.notices import accept_of
        from pytest_modelbench.report.refusals import refusal_notices
        from pytest_modelbench.report.summary import Told

        commands = self._runner.commands
        told = Told(
            accept_command=commands.accept(),
            baselines=commands.baselines,
            selection=commands.chosen,
            here=commands.here,
            failures_listed=failures_listed,
        )
        even = "" if self._runner.even_if_disturbed else "--modelbench-even-if-disturbed"
        refused = refusal_notices(self._acceptance.refused, lambda tests: accept_of(tests, result, told), even)
        return replace(told, refused=tuple(refused))

    def _write_files(self, result: Session) -> None:
        here = self._config.invocation_params.dir
        if self._unwritten:
            self._notes.append(f"NOT ACCEPTED: {printable_lines(self._unwritten)}")
        path = self._write_results(result)
        if self._unwritten and path is not None:
            where = ["--baselines", self._runner.commands.baselines, told_path(str(path), here)]
            command = shlex.join(["pytest-modelbench", "accept", *where])
            self._notes.append(f"nothing is lost: once that is mended, run\n    {command}")
        self._written(self._save_benchmark)
        if self._runner.settings.history and not result.interrupted:
            self._stands("NOT KEPT in the history", partial(self._keep, result))

    def _keep(self, result: Session) -> None:
        """Add the session to the project's history; where that cannot be, beside it. Verdicts stand either way."""
        from pytest_modelbench.store.history import keep, keepable
        from pytest_modelbench.store.locations import location_of

        where = self._runner.settings.history
        result, odd = keepable(result)
        if odd:
            what = f"{plural(len(odd), 'check')} with a value that no file can hold, such as {odd[0]}"
            told = f"NOT KEPT in the history: {what}"
            self._notes.append(printable(told))
        try:
            keep(location_of(where, self._config.rootpath), result)
        except (ModelbenchError, OSError) as error:
            told = f"NOT KEPT in the history: {printable_lines(str(error))}"
            with suppress(ModelbenchError, OSError):
                beside = Path(tempfile.mkdtemp(prefix="modelbench-history-"))
                if keep(beside, result):
                    here = self._config.invocation_params.dir
                    where = told_path(where, here) if is_folder(where) else without_secret(where)
                    command = shlex.join(["pytest-modelbench", "history-import", str(beside), "--history", where])
                    told += f"\nnothing is lost: once that is mended, run\n    {command}"
            self._notes.append(told)

    def _look_for_drift(self, result: Session) -> None:
        """Tell what the history says of this session's checks, where that was asked for: reading it takes seconds."""
        settings = self._runner.settings
        if settings.drift == "off" or not settings.history or result.interrupted or result.updating or result.against:
            return
        drift = drift_of(result, self._history(result), self._runner.commands)
        self._notes += drift.lines
        self._drifted = drift.fails and settings.drift == "fail"

    def _history(self, result: Session) -> History | Exception:
        """What the history holds, with this session, or why it could not be read; read once, as that takes seconds."""
        from pytest_modelbench.store.history import keepable, read_history
        from pytest_modelbench.store.locations import location_of

        if self._kept is None:
            own = None if result.interrupted else keepable(result)[0]
            try:
                self._kept = read_history(location_of(self._runner.settings.history, self._config.rootpath), own)
            except Exception as error:  # whatever it is, verdicts stand
                self._kept = error
        return self._kept

    def _write_page(self, result: Session) -> None:
        from pytest_modelbench.report.page import session as page

        path = Path(resolved(self._option.modelbench_html, str(self._config.invocation_params.dir)))
        history: tuple[Series, ...] = ()
        left_out: list[str] = []
        if self._runner.settings.history:
            kept = self._history(result)
            if isinstance(kept, Exception):
                left_out = [f"history not read: {fault_line(kept)}"]
            else:
                history, left_out = kept.series, [f"left out: {one}" for one in kept.damaged]
        told = self._told(result, failures_listed=True)
        write_atomically(path, page.render(result, told, history, [*self._notes, *left_out]))
        self._notes.append(f"page written to {self._option.modelbench_html}")

    def _leave_night(self, result: Session) -> None:
        """Leave for later sessions what this one tells of days, and which checks moved: caches that may be missing."""
        if moved := self._moved:
            note_moved(moved, result)
        for environment in result.environments:
            if (folder := self._runner.nights_folder) and (night := night_of(result, environment)):
                with suppress(BaselineError, OSError):
                    NightsFile(folder, environment).add(night)

    @property
    def _moved(self) -> Path | None:
        """Where sessions leave which checks pairs have told from their baselines."""
        folder = self._runner.nights_folder
        return folder.with_name("moved.json") if folder else None

    def _save_benchmark(self) -> None:
        """Save latencies where pytest-benchmark itself saves, and where its compare looks: in the current folder."""
        from pytest_modelbench.report import benchmark_storage

        name, here = self._option.modelbench_save_benchmark, self._config.invocation_params.dir
        if name and self._result is not None:
            saved = benchmark_storage.save(self._result, here / ".benchmarks", name)
            told = f"latencies saved for pytest-benchmark in {told_path(saved, here)}" if saved else ""
            self._notes.append(told or "no latencies saved for pytest-benchmark: none were measured")

    def _write_results(self, result: Session) -> Path | None:
        """The results file: the one that was asked for, or one elsewhere if it cannot be written or something was lost.

        An hour's measurements are not thrown away because a disk is full, or a machine busy.
        """
        from pytest_modelbench.store.results import render_results

        asked, here = self._option.modelbench_json, self._config.invocation_params.dir
        wanted = [(Path(resolved(asked, str(here))), asked)] if asked else []
        if not (wanted or self._unwritten or self._acceptance.refused):
            return None
        texts: list[str] = []
        if not self._written(lambda: texts.append(render_results(result))):
            return None
        for path, told in chain(wanted, _elsewhere()):
            if self._written(partial(write_atomically, path, *texts)):
                self._notes.append(f"results written to {told}")
                return path
        return None

    def _stands(self, told: str, do: Callable[[], object]) -> bool:
        """Whether ``do()`` came to its end; a fault of its own, or of a package, is ``told``, and verdicts stand."""
        try:
            do()
        except Exception as error:
            self._notes.append(f"{told}: {fault_line(error)}")
            return False
        return True

    def _written(self, write: Callable[[], object]) -> bool:
        """Whether ``write()`` could do so; why not is told, and fails the session."""
        try:
            write()
        except (ModelbenchError, OSError) as error:
            self._notes.append(f"NOT WRITTEN: {printable_lines(str(error))}")
            self._unusable = True
            return False
        return True


def _elsewhere() -> Iterator[tuple[Path, str]]:
    """New files in the folder for temporary ones, and in memory for when that is full; and how they are told."""
    for find in (tempfile.gettempdir, lambda: "/dev/shm"):
        with suppress(OSError):
            path = Path(tempfile.mkdtemp(prefix="modelbench-", dir=find()), "results.json")
            yield path, str(path)
            path.parent.rmdir()  # it was not to be written there either
