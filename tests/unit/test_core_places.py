"""Paths as they are typed in the current folder, and where the ids of tests start from."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.places import start_of_ids, told_path

FOLDERS = st.lists(st.sampled_from(["a", "b", "longer"]), max_size=4).map(lambda parts: Path("/", *parts))


@pytest.mark.parametrize(
    ("path", "here", "told"),
    [
        ("/p/baselines", "/p", "baselines"),
        ("/p/baselines", "/p/ci", "../baselines"),
        ("/p", "/p", "."),
        ("baselines", "/p/ci", "baselines"),
        ("/d", "/p/very/deep/down", "/d"),
    ],
)
def test_a_path_is_told_from_where_it_is_typed_unless_that_is_longer(path: str, here: str, told: str) -> None:
    assert told_path(path, here) == told


@given(FOLDERS, FOLDERS)
def test_what_is_told_leads_there(path: Path, here: Path) -> None:
    assert os.path.normpath(os.path.join(here, told_path(path, here))) == str(path)


@pytest.mark.parametrize(
    ("paths", "start"),
    [
        ({}, "/project"),
        ({"tests/test_a.py::t": "/project/tests/test_a.py"}, "/project"),
        ({"test_a.py::t[a::b]": "/p/tests/test_a.py", "deep/test_b.py::t": "/p/tests/deep/test_b.py"}, "/p/tests"),
        ({"test_a.py::t": "/p/a/test_a.py", "test_b.py::t": "/p/b/test_b.py"}, "/project"),
        ({"::t": "/p/a/test_a.py"}, "/project"),
    ],
)
def test_ids_start_from_one_folder_or_else_from_the_root(paths: dict[str, str], start: str) -> None:
    assert start_of_ids({test: Path(path) for test, path in paths.items()}, Path("/project")) == Path(start)
