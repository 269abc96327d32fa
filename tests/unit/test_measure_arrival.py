"""What waits for a module is done when it is imported, once, before anybody uses it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from pytest_modelbench.measure.arrival import when_imported

NAME = "a_module_that_arrives"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened; the module says when it is run."""
    (tmp_path / f"{NAME}.py").write_text("import sys\nready = True\nsys.arrivals.append('run')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    happened: list[str] = []
    monkeypatch.setattr(sys, "arrivals", happened, raising=False)
    return happened


def test_actions_follow_the_import_in_order_and_come_before_who_imports(log: list[str]) -> None:
    finders = list(sys.meta_path)
    when_imported(NAME, lambda: log.append(f"first {sys.modules[NAME].ready}"))
    when_imported(NAME, lambda: log.append("second"))
    assert log == []
    module = importlib.import_module(NAME)
    assert log == ["run", "first True", "second"]
    importlib.reload(module)
    assert log == ["run", "first True", "second", "run"]
    assert sys.meta_path == finders


def test_it_is_done_now_where_the_module_is_there(log: list[str]) -> None:
    importlib.import_module(NAME)
    when_imported(NAME, lambda: log.append("at once"))
    assert log == ["run", "at once"]


def test_what_is_called_off_is_not_done_and_leaves_nothing(log: list[str]) -> None:
    finders = list(sys.meta_path)
    stay = when_imported(NAME, lambda: log.append("stays"))
    when_imported(NAME, lambda: log.append("goes"))()
    importlib.import_module(NAME)
    assert log == ["run", "stays"]
    stay()
    assert sys.meta_path == finders


def test_looking_for_the_module_is_not_importing_it_and_it_keeps_its_own_loader(log: list[str]) -> None:
    when_imported(NAME, lambda: log.append("done"))
    found = importlib.util.find_spec(NAME)
    assert found is not None
    assert log == []
    module = importlib.import_module(NAME)
    assert module.__loader__ is module.__spec__.loader  # type: ignore[union-attr]
    assert type(module.__loader__).__module__ != when_imported.__module__
    assert log == ["run", "done"]


def test_an_import_that_fails_is_waited_for_again(log: list[str], tmp_path: Path) -> None:
    good = (tmp_path / f"{NAME}.py").read_text()
    (tmp_path / f"{NAME}.py").write_text("raise ImportError('not yet')\n")
    when_imported(NAME, lambda: log.append("done"))
    with pytest.raises(ImportError, match="not yet"):
        importlib.import_module(NAME)
    assert log == []
    (tmp_path / f"{NAME}.py").write_text(good + "# longer than before\n")
    importlib.invalidate_caches()
    importlib.import_module(NAME)
    assert log == ["run", "done"]
