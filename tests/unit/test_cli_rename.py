"""``pytest-modelbench rename``."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.store import draft as drafts
from pytest_modelbench.store.baselines import BaselineStore
from tests.unit.store_checks import ENVIRONMENT, entries_in, latency, macs, stamp

Output = pytest.CaptureFixture[str]
DEVICE = ENVIRONMENT.slug


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaselineStore:
    monkeypatch.chdir(tmp_path)
    store = BaselineStore(Path("baselines"))
    tests = ["test_a.py::t[1]", "test_a.py::t[2]", "test_a.py::u", "test_b.py::t[1]"]
    for day, test in enumerate(tests, 1):
        checks = [macs(day, test=test), latency([0.1 * day, 0.1 * day], [3.0, 3.1], test=test)]
        store.accept(checks, stamp(day), ENVIRONMENT)
    return store


def held(folder: str = "portable") -> dict[str, set[str]]:
    """Tests by file."""
    return {path.name: set(entries_in(path)) for path in Path("baselines", folder).glob("*.json")}


def files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path("baselines").rglob("*.json")}


def test_a_test_keeps_its_entries_in_every_folder_to_the_last_digit(capsys: Output) -> None:
    before = {folder: entries_in(Path("baselines", folder, "a.json")) for folder in ("portable", DEVICE)}
    assert main(["rename", "test_a.py::t[1]", "test_a.py::fast[1]"]) == 0
    assert capsys.readouterr().out == (
        "moved portable: test_a.py::t[1] macs -> test_a.py::fast[1]\n"
        f"moved {DEVICE}: test_a.py::t[1] latency -> test_a.py::fast[1]\n"
    )
    for folder, entries in before.items():
        entries["test_a.py::fast[1]"] = entries.pop("test_a.py::t[1]")
        assert entries_in(Path("baselines", folder, "a.json")) == entries


def test_a_function_takes_all_its_parameters(capsys: Output) -> None:
    assert main(["rename", "test_a.py::t", "test_a.py::fast"]) == 0
    assert held() == {
        "a.json": {"test_a.py::fast[1]", "test_a.py::fast[2]", "test_a.py::u"},
        "b.json": {"test_b.py::t[1]"},
    }
    assert held(DEVICE) == held()


def test_a_module_goes_to_a_file_of_its_own_with_its_sessions_and_environment(store: BaselineStore) -> None:
    before = BaselineStore(store.folder).contents(DEVICE)
    assert main(["rename", "test_a.py", "bench/test_c.py"]) == 0
    tests = {"bench/test_c.py::t[1]", "bench/test_c.py::t[2]", "bench/test_c.py::u"}
    assert held() == {"c.json": tests, "b.json": {"test_b.py::t[1]"}}
    after = BaselineStore(store.folder).contents(DEVICE)
    old, new = (folder.files[store.folder / DEVICE / name] for folder, name in ((before, "a.json"), (after, "c.json")))
    assert (new.sessions, new.environment) == (old.sessions, old.environment)
    assert main(["rename", "bench/test_c.py", "test_a.py"]) == 0
    again = BaselineStore(store.folder).contents(DEVICE)
    assert again.files == before.files


def test_a_test_that_got_parameters(capsys: Output) -> None:
    assert main(["rename", "test_a.py::u", "test_a.py::u[small]"]) == 0
    assert "test_a.py::u[small]" in held()["a.json"]


def test_an_entry_that_somebody_moved_into_another_file_stays_there() -> None:
    Path("baselines/portable/a.json").rename("baselines/portable/mine.json")
    assert main(["rename", "test_a.py", "test_c.py"]) == 0
    assert held() == {
        "mine.json": {"test_c.py::t[1]", "test_c.py::t[2]", "test_c.py::u"}, "b.json": {"test_b.py::t[1]"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["test_a.py::t[1]", "test_b.py::t[1]"],
         "baselines/portable: holds entries of test_b.py::t[1] already, so test_a.py::t[1] cannot be called so; if "
         "those are not wanted, remove them first: pytest-modelbench prune --test 'test_b.py::t[1]'"),
        (["test_a.py", "test_b.py"], "baselines/portable: holds entries of test_b.py::t[1] already"),
        (["test_a.py::tt", "test_a.py::v"],
         "baselines holds nothing of test_a.py::tt. Did you mean 'test_a.py::t'"),
        (["test_aa.py", "test_c.py"], "baselines holds nothing of test_aa.py. Did you mean 'test_a.py' or"),
        (["test_a.py::t", "test_a.py::v[1]"],
         "test_a.py::t stands for 2 tests, with parameters, and test_a.py::v[1] for one; name one of them"),
        (["test_a.py", "test_c.py::t"], "test_a.py cannot become test_c.py::t: give two tests, or two files or"),
        (["test_a.py", ""], "an id is empty; give the id that the test had, and the one that it has now"),
        (["test_a.py::u", "test_a.py::u"], "OLD and NEW are the same id: test_a.py::u"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_and_changes_nothing(capsys: Output, arguments: list[str], message: str) -> None:
    before = files()
    assert main(["rename", *arguments]) == 4
    assert capsys.readouterr().err.startswith(f"pytest-modelbench: {message}")
    assert files() == before


def test_a_name_that_is_taken_in_one_folder_alone_keeps_all_of_them_as_they_are(store: BaselineStore) -> None:
    store.accept([latency([0.1, 0.1], [3.0, 3.1], test="test_a.py::v")], stamp(9), ENVIRONMENT)
    before = files()
    assert main(["rename", "test_a.py::u", "test_a.py::v"]) == 4
    assert files() == before


def test_a_dry_run_says_the_same_and_moves_nothing(capsys: Output) -> None:
    before = files()
    assert main(["rename", "test_a.py::u", "test_a.py::v", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert files() == before
    assert main(["rename", "test_a.py::u", "test_a.py::v"]) == 0
    assert capsys.readouterr().out == said.replace("would move", "moved")


def test_ended_between_two_files_an_entry_is_there_twice_and_the_same_command_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(drafts, "remove", killed)
        assert main(["rename", "test_a.py", "test_c.py"]) == 2
    assert capsys.readouterr().err.startswith("pytest-modelbench: interrupted. Every file is whole, either old or new")
    assert set(held()) == {"a.json", "b.json", "c.json"}
    assert main(["rename", "test_a.py", "test_c.py"]) == 0
    assert set(held()) == {"b.json", "c.json"}
    assert set(held(DEVICE)) == {"b.json", "c.json"}
