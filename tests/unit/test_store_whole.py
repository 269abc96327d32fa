"""Damage that looks as if nothing were stored."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.whole import check_own_name, check_whole
from pytest_modelbench.vcs.listing import tracked_below
from tests.unit.store_checks import ENVIRONMENT, latency, macs, stamp

NOTHING: Callable[[Path], list[str]] = lambda folder: []  # noqa: E731


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one file of baselines, ``bl/portable/it.json``."""
    BaselineStore(tmp_path / "bl").accept([macs(5, test="test_it.py::test_one")], stamp(1), ENVIRONMENT)
    return tmp_path / "bl"


def check(root: Path, tracked: Callable[[Path], list[str]] = NOTHING) -> None:
    check_whole(root, "portable", BaselineStore(root).contents("portable"), tracked)


def emptied(root: Path) -> None:
    file = root / "portable/it.json"
    file.write_text('{"format": "pytest-modelbench baseline", "schema": 3,\n "records": [\n\nnull]}\n')


def linked(root: Path) -> None:
    shutil.rmtree(root / "portable")
    (root / "portable").symlink_to(root / "nowhere")


def renamed(to: str) -> Callable[[Path], object]:
    return lambda root: (root / "portable/it.json").rename(root / to)


def below(root: Path) -> None:
    (root / "portable/deep").mkdir()
    (root / "portable/it.json").rename(root / "portable/deep/it.json")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (emptied, r"portable/it.json: holds no entry, and none is written so; take it back with `git checkout -- "),
        (linked, r"portable: is a link that leads nowhere"),
        (below, r"portable/deep/it.json: lies in a folder below .*portable, where nothing is read; move it up"),
        (renamed("portable/it.JSON"), r"it.JSON: is not read, as its name"),
        (renamed("portable/it.json.bak"), r"it.json.bak: is not read"),
        (renamed("it.json"), r"bl/it.json: lies beside the folders"),
        (lambda root: (root / "portable").rename(root / "Portable"), r"Portable: is read under the name portable only"),
        (lambda root: (root / "portable").rename(root / "kept.bak"), r"kept.bak: holds baselines, which are"),
        (lambda root: (root / "portable/it.json").unlink(), r"portable: is there, and holds no baselines"),
    ],
    ids=["empty", "dangling", "below", "upper case", "backup", "beside", "upper folder", "kept", "empty folder"],
)  # fmt: skip
def test_damage_is_named_with_the_way_out(root: Path, damage: Callable[[Path], object], told: str) -> None:
    check(root)
    damage(root)
    if "Portable" in told and (root / "portable").exists():
        pytest.skip("this file system does not tell upper from lower case")
    with pytest.raises(BaselineError, match=told):
        check(root)


def test_copies_beside_their_original_and_other_files_are_nobodys_business(root: Path) -> None:
    shutil.copy(root / "portable/it.json", root / "portable/it.json.orig")
    shutil.copy(root / "portable/it.json", root / "portable/it.json~")
    (root / "portable/README.md").write_text("ours")
    (root / "portable/.it.json.tmp").write_text("")
    (root / "notes").mkdir()
    check(root)


def test_baselines_of_this_environment_under_another_name_are_damage(root: Path) -> None:
    store = BaselineStore(root)
    store.accept([latency([0.1, 0.1], [3.0, 3.1])], stamp(1), ENVIRONMENT)
    check_own_name(root, ENVIRONMENT, store.identities())
    (root / ENVIRONMENT.slug).rename(root / "old")
    with pytest.raises(BaselineError, match=rf"old: holds baselines of this very .* the name {ENVIRONMENT.slug} only"):
        check_own_name(root, ENVIRONMENT, BaselineStore(root).identities())
    other = replace(ENVIRONMENT, identity={**ENVIRONMENT.identity, "threads": 2})
    check_own_name(root, other, BaselineStore(root).identities())


def test_a_folder_that_was_kept_beside_the_one_in_its_place_is_nobodys_business(root: Path) -> None:
    shutil.copytree(root / "portable", root / "portable.bak")
    check(root)


def test_what_never_was_there_is_no_damage(tmp_path: Path) -> None:
    check(tmp_path / "bl")
    (tmp_path / "bl").mkdir()
    check(tmp_path / "bl")


@pytest.mark.parametrize("gone", ["bl", "bl/portable", "bl/portable/it.json"])
def test_what_git_has_and_the_disk_has_not_is_damage(root: Path, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for command in (["init", "--quiet"], ["add", "bl"]):
        subprocess.run(["git", *command], cwd=root.parent, check=True)
    check(root, tracked_below)
    path = root.parent / gone
    path.unlink() if path.is_file() else shutil.rmtree(path)
    with pytest.raises(BaselineError, match=r"portable: git has 1 file of baselines there, and they are gone; take it"):
        check(root, tracked_below)
    subprocess.run(["git", "rm", "-r", "-q", "--cached", "bl/portable"], cwd=root.parent, check=True)
    shutil.rmtree(root, ignore_errors=True)
    check(root, tracked_below)


def test_pruning_the_last_entry_leaves_no_folder_behind(root: Path) -> None:
    store = BaselineStore(root)
    store.prune("portable", store.keys("portable"))
    assert not (root / "portable").exists()
    check(root)
