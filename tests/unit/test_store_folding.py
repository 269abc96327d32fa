"""Folding: nothing is lost, at no moment, and what cannot be read stays where it is."""

from __future__ import annotations

import gzip
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.cli import main
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.folding import fold
from pytest_modelbench.store.history import keep, read_history
from pytest_modelbench.store.locations import location_of
from pytest_modelbench.store.locations.folder import Folder
from pytest_modelbench.store.night_files import (
    FOLDED_SUFFIX,
    Folding,
    Found,
    Night,
    Point,
    columns_of,
    file_name,
    file_of,
    hash_of,
    read_file,
)  # fmt: skip
from tests.unit.test_store_history import session

ALL = "2030"


def kept(folder, days):
    for day in days:
        keep(folder, session(day, day / 10))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_old_nights_become_one_file_and_read_as_before(tmp_path):
    files = kept(tmp_path, range(1, 8))
    before = read_history(tmp_path)
    folded = fold(Folder(tmp_path), "2026-11-05")
    assert (folded.nights, folded.removed, folded.left) == (4, 4, ())
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[0] == folded.name
    assert folded.name.startswith("2026-11-01T08-00-00.000Z_2026-11-04T08-00-00.000Z_4-nights_")
    assert names[1:] == sorted(files)[4:]
    assert read_history(tmp_path) == before
    # `zcat` gives back the very files.
    assert gzip.decompress((tmp_path / folded.name).read_bytes()) == b"".join(files[one] for one in sorted(files)[:4])
    assert fold(Folder(tmp_path), "2026-11-05").name == ""


def test_a_night_in_both_is_one_and_its_own_file_goes(tmp_path):
    kept(tmp_path / "a", (1, 2))
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    fold(Folder(tmp_path / "a"), ALL)
    shutil.copytree(tmp_path / "copy", tmp_path / "a" / "more")
    assert (read_history(tmp_path / "a").sessions, read_history(tmp_path / "a").damaged) == (2, ())
    folded = fold(Folder(tmp_path / "a"), ALL)
    assert (folded.name, folded.removed) == ("", 2)
    assert len([path for path in (tmp_path / "a").rglob("*") if path.is_file()]) == 1


def test_two_copies_that_were_folded_each_for_itself_are_one_by_putting_them_together(tmp_path):
    kept(tmp_path / "a", (1, 2, 3))
    kept(tmp_path / "b", (2, 3, 4))
    fold(Folder(tmp_path / "a"), ALL)
    fold(Folder(tmp_path / "b"), ALL)
    assert (read_history(tmp_path).sessions, read_history(tmp_path).damaged) == (4, ())


def test_what_cannot_be_used_is_named_and_stays(tmp_path):
    files = kept(tmp_path, (1, 2))
    bad = tmp_path / sorted(files)[0]
    bad.write_bytes(bad.read_bytes()[:50])
    keep(tmp_path / "other", session(2, 0.7))
    folded = fold(Folder(tmp_path), ALL)
    assert folded.nights == 1
    assert [one.partition(": ")[0] for one in folded.left] == [str(bad), str(next((tmp_path / "other").iterdir()))]
    assert bad.exists()
    assert len(list((tmp_path / "other").iterdir())) == 1


class Killed(BaseException):
    pass


class Dying(Folder):
    """A folder at which the process ends with its ``steps``-th change."""

    steps = 0

    def _step(self):
        type(self).steps -= 1
        if self.steps < 0:
            raise Killed

    def add(self, files):
        self._step()
        super().add(files)
        self._step()

    def remove(self, names):
        for name in names:
            self._step()
            super().remove([name])


def test_ended_at_any_moment_nothing_is_lost_and_the_next_does_the_rest(tmp_path):
    kept(tmp_path / "whole", range(1, 5))
    before = read_history(tmp_path / "whole").series
    for steps in range(7):
        folder = tmp_path / str(steps)
        shutil.copytree(tmp_path / "whole", folder)
        Dying.steps = steps
        try:
            fold(Dying(folder), ALL)
        except Killed:
            assert steps < 6
        assert read_history(folder).series == before
        assert read_history(folder).damaged == ()
        fold(Folder(folder), ALL)
        assert len(list(folder.iterdir())) == 1
        assert read_history(folder).series == before


class Forgetting(Folder):
    """A folder that keeps half of what it is given."""

    def add(self, files):
        super().add({name: data[: len(data) // 2] for name, data in files.items()})


def test_nothing_goes_where_the_new_file_does_not_read_back(tmp_path):
    files = kept(tmp_path, (1, 2))
    with pytest.raises(BaselineError, match="does not hold what was written to it, so that no night was removed"):
        fold(Forgetting(tmp_path), ALL)
    assert files.keys() <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: data[:-9], "was changed since it was written, or is not whole"),
        (lambda data: b"", "was changed since"),
        (lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:], "was changed since"),
    ],
)
def test_a_folded_file_that_is_damaged_is_named_and_left_out(tmp_path, damage, told):
    kept(tmp_path, (1, 2))
    path = tmp_path / fold(Folder(tmp_path), ALL).name
    keep(tmp_path, session(9))
    path.write_bytes(damage(path.read_bytes()))
    found = read_history(tmp_path)
    assert found.sessions == 1
    (why,) = found.damaged
    assert why.startswith(str(path))
    assert told in why


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"no gzip at all", "cannot be unpacked"),
        (gzip.compress(b"{}\n"), "line 1: is not a pytest-modelbench night file"),
        (gzip.compress(b'{"a": 1'), "is cut off, or holds more than it should"),
        (gzip.compress(b"{}\n")[:-4], "is cut off, or holds more than it should"),
        (gzip.compress(b"{}\n") + b"more", "is cut off, or holds more than it should"),
        (gzip.compress(b" " * (65 * 2**20), mtime=0), "holds a line that is too long"),
    ],
    ids=["no gzip", "no night", "no end of line", "cut off", "more", "long"],
)
def test_one_that_somebody_made_is_not_believed(data, told):
    found = list(read_file("x", f"x_{hash_of(data)}{FOLDED_SUFFIX}", data, "It is left out"))
    assert told in str(found[-1])
    assert not any(isinstance(one, Found) for one in found)


names = st.text(min_size=1).filter(lambda text: text.strip())
numbers = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | numbers
points = st.builds(
    Point, names, names, st.text(), names, numbers, st.sampled_from([one.value for one in Verdict]),
    st.integers(1, 99), maybe, maybe, maybe, maybe, maybe, maybe, st.text(),
)  # fmt: skip
facts = st.dictionaries(st.text(), st.none() | st.text() | st.booleans() | st.integers(-(2**60), 2**60) | numbers)


@st.composite
def nights(draw):
    checks = draw(st.dictionaries(st.tuples(names, names), points, min_size=1, max_size=4))
    return Night(
        session=draw(names), started=draw(names), commit=draw(st.none() | names), dirty=draw(st.booleans()),
        against=draw(st.text()), environment=draw(st.text()), identity=draw(facts), provenance=draw(facts),
        checks=list(checks), columns=columns_of(checks.values()), imported=draw(st.text()),
    )  # fmt: skip


HEAD = {"format", "schema_"}


@settings(max_examples=40)
@given(st.lists(nights(), min_size=1, max_size=4))
def test_a_night_comes_back_from_its_own_file_and_from_a_folded_one_with_every_field(given_nights):
    folding = Folding()
    for night in given_nights:
        name, data = file_of(night)
        (found,) = read_file(name, name, data, "")
        assert found.night.model_dump(exclude=HEAD) == night.model_dump()
        assert dict(found.night.points()) == dict(night.points())
        assert file_name(found) == name
        assert data.count(b"\n") == 1
        folding.add(found)
    name, data = folding.file()
    assert [one.night.model_dump(exclude=HEAD) for one in read_file(name, name, data, "")] == [
        night.model_dump() for night in given_nights
    ]


@pytest.mark.usefixtures("plain_git")
def test_a_branch_is_folded_as_a_folder_is_by_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    for day in (1, 2):
        keep(location_of("git:nights", tmp_path), session(day))
    assert main(["history-compact", "--history=git:nights", "--older-than=-1"]) == 4
    assert "--older-than: '-1' is not a number of days" in capsys.readouterr().err
    assert main(["history-compact", "--history=git:nights", "--older-than=36500"]) == 0
    assert capsys.readouterr().out == "nothing to fold\n"
    monkeypatch.setattr("pytest_modelbench.cli.history_compact._before", lambda days: ALL)
    assert main(["history-compact", "--history=git:nights"]) == 0
    assert capsys.readouterr().out.startswith("2 nights folded into git:nights/2026-11-01T08-00-00.000Z_2026-11-02T08-")
    assert len(location_of("git:nights", tmp_path).names()) == 1
    assert read_history(location_of("git:nights", tmp_path)).sessions == 2


def test_one_with_nothing_but_faulty_lines_is_told_in_a_few_words():
    data = gzip.compress(b"\n" * 10**6)
    found = list(read_file("x", f"x_{hash_of(data)}{FOLDED_SUFFIX}", data, "It is left out"))
    assert len(found) == 21
    assert "x: was not read beyond line 20: too many cannot be used" in str(found[-1])


def test_one_that_unpacks_to_more_than_is_believed_is_left_at_that(monkeypatch):
    monkeypatch.setattr("pytest_modelbench.store.night_files._MOST_UNPACKED", 10**6)
    data = gzip.compress((b" " * 10**5 + b"\n") * 11)
    found = list(read_file("x", f"x_{hash_of(data)}{FOLDED_SUFFIX}", data, "It is left out"))
    assert [str(one) for one in found] == ["x: unpacks to more than is believed. It is left out"]
