"""Files that git does not know, seen from a checkout of older code."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_modelbench.bench.home import Home
from pytest_modelbench.bench.scoring import located


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Data in ``user/tests/data``; the session was started in ``user/tests``, and this process runs in the checkout."""
    (tmp_path / "user" / "tests" / "data").mkdir(parents=True)
    (tmp_path / "checkout" / "tests" / "kept").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "checkout" / "tests")
    return Home(str(tmp_path / "user" / "tests"), str(tmp_path / "checkout"), "..")


def test_what_the_checkout_has_is_taken_from_it(home, tmp_path):
    assert str(home.found("kept")) == "kept"
    assert home.found(tmp_path / "checkout" / "tests" / "kept") == tmp_path / "checkout" / "tests" / "kept"


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("name", ["data", "absent"])
def test_what_it_has_not_is_called_as_the_user_does(home, tmp_path, name, absolute):
    path = tmp_path / "checkout" / "tests" / name if absolute else name
    assert home.found(path) == tmp_path / "user" / "tests" / name


def test_paths_outside_of_the_checkout_stay(home, tmp_path):
    for path in (tmp_path / "elsewhere", tmp_path / "checkout2" / "data"):
        assert home.found(path) == path


def test_what_a_test_misses_itself_is_told_where_the_user_has_it(home, tmp_path):
    there = tmp_path / "user" / "tests" / "data"
    for missed in ("data", tmp_path / "checkout" / "tests" / "data", str(tmp_path / "checkout" / "tests" / "data")):
        assert home.left_behind(missed).startswith(f"{there} is not in the checkout of the code compared with")
    for other in ("absent", "kept", tmp_path / "elsewhere", b"data", 3, None):
        assert home.left_behind(other) == ""


def test_data_with_names_are_no_paths(home):
    bench = SimpleNamespace(home=home)
    given = object()
    assert [located(bench, data) for data in ("scenes", "digits", "photos", "", given)] == [
        "scenes", "digits", "photos", "", given,
    ]  # fmt: skip
    assert located(bench, "data").is_dir()
    assert located(SimpleNamespace(home=None), "data") == "data"
