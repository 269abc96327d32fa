"""What changed around a test: packages that its process imported, commits of its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from pytest_modelbench.core.environment import Difference
from pytest_modelbench.core.history import Commit, History
from pytest_modelbench.core.packages import Package, packed
from pytest_modelbench.core.session import Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.session import around, entries
from pytest_modelbench.session.around import Around, used_of
from pytest_modelbench.workers.origin import imported, imported_by
from pytest_modelbench.workers.runs import TestRun
from tests.unit import report_sessions
from tests.unit.report_sessions import check

ROOT = Path("/project")
NOW = {"packages": packed([Package("timm", "2"), Package("black", "2")])}
THEN = {"packages": packed([Package("timm", "1"), Package("black", "1")])}


def regressed(commit: str | None = "c" * 40, provenance: dict[str, str] | None = None):
    one = check("net", "macs", Verdict.REGRESSED, 12, 10)
    assert one.baseline is not None
    return replace(one, baseline=replace(one.baseline, commit=commit, provenance=provenance or THEN))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Path, ...]]]:
    """What git was asked, which knows one commit that touches a file of any."""
    calls: list[tuple[str, tuple[Path, ...]]] = []

    def history(root: Path, commit: str, files: tuple[Path, ...]) -> History:
        calls.append((commit, files))
        return History(commit, ("net.py",), ("net.py",), (Commit("abc1234", "Widen the neck"),))

    monkeypatch.setattr(around, "history", history)
    return calls


def surroundings(**run: tuple[str, ...]) -> Around:
    entry = entries.TestEntry(runs=[TestRun("t", 1, **run), TestRun("t", 2)])
    return Around(ROOT, lambda test: ROOT / "test_net.py", lambda test: entry)


def test_packages_that_changed_are_used_if_a_process_of_the_test_imported_them() -> None:
    found = surroundings(imported=("timm", "torch")).used(regressed(), NOW)
    assert set(found) == {"timm"}


def test_a_package_is_known_by_the_names_that_it_is_imported_by() -> None:
    moved = [Difference(name, "1", "2") for name in ("PyYAML", "pytest", "not-installed", "no-such-thing")]
    assert used_of(moved, frozenset({"pytest", "not_installed"})) == {"pytest", "not-installed"}


def test_commits_that_touch_the_models_or_the_tests_files_are_told_and_asked_for_once(asked) -> None:
    tells = surroundings(files=("/project/net.py", "/project/test_net.py"))
    for _ in range(2):
        assert tells.since("t", [(regressed(), NOW), (regressed(), NOW)]) == (
            "1 commit since the baseline's commit cccccccccc touches net.py:\n    abc1234 Widen the neck"
        )
    assert asked == [("c" * 40, (ROOT / "net.py", ROOT / "test_net.py"))]


def test_that_packages_are_the_same_is_told_only_where_all_baselines_say_so(asked) -> None:
    tells, same = surroundings(), "the installed packages are the same as for the baseline"
    assert tells.since("t", [(regressed(None), THEN)]) == same
    assert tells.since("t", [(regressed(None), THEN), (regressed(None, NOW), THEN)]) == ""
    assert tells.since("t", [(regressed(None, {"torch": "2"}), THEN)]) == ""
    assert tells.since("t", [(regressed(), THEN)]).endswith(f"\n{same}")


def test_what_a_module_imports_is_told_by_files_that_are_neither_installed_nor_ours() -> None:
    import tests.unit.test_session_around as this

    assert report_sessions.__file__ in imported_by(this)
    assert all("pytest_modelbench/core" not in file and "site-packages" not in file for file in imported_by(this))
    assert imported_by(None) == set()


class Lazy:
    """What must not be asked anything: it would set itself up, or is not to be had here."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(f"asked for {name}")


def test_what_is_lazy_is_not_woken() -> None:
    module = ModuleType("test_net")
    module.settings = Lazy()  # type: ignore[attr-defined]
    module.kind, module.function = Session, check  # type: ignore[attr-defined]
    assert imported_by(module) == {report_sessions.__file__}


def test_names_are_those_of_packages() -> None:
    assert imported(["timm.models", "timm", "os.path", "pytest_modelbench.core", "_ctypes", "torch"]) == (
        "timm",
        "torch",
    )
