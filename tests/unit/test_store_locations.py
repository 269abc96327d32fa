"""Folders, branches and URLs: the same promises, each kept in its own way."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import fsspec
import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.core.errors import BaselineError, MissingExtraError, UnreadableError, UsageError
from pytest_modelbench.store.locations import location_of
from pytest_modelbench.store.locations.folder import Folder
from pytest_modelbench.store.locations.url import UrlLocation
from pytest_modelbench.vcs.branch import Branch
from pytest_modelbench.vcs.git import GitError

pytestmark = pytest.mark.usefixtures("plain_git")
A, B = "a.night.json", "b_1-nights.nights.jsonl.gz"


@pytest.fixture
def emptied():
    yield
    fsspec.filesystem("memory").store.clear()


@pytest.fixture(params=["folder", "file", "git:nights", "memory://nights/deep"])
def location(request, tmp_path, emptied):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    where = {"folder": str(tmp_path / "nights"), "file": f"file://{tmp_path}/nights"}
    return location_of(where.get(request.param, request.param), tmp_path)


def content(location):
    return dict(location.read(location.names()))


def test_what_is_added_is_listed_and_read_and_goes_when_it_is_taken_away(location):
    location.add({A: b"1\n", B: b"\x00\xff"})
    location.add({A: b"1\n"})
    assert content(location) == {A: b"1\n", B: b"\x00\xff"}
    assert location.told(A) == f"{location.name}/{A}"
    location.remove([A, "gone"])
    assert content(location) == {B: b"\x00\xff"}


def test_what_is_there_is_never_written_anew(location):
    location.add({A: b"1\n"})
    with pytest.raises(BaselineError, match=f"{A}: is there and holds something else than it should; move it away"):
        location.add({A: b"2\n"})
    assert content(location) == {A: b"1\n"}


def test_a_file_that_went_in_between_is_named_and_the_others_are_read(location):
    location.add({A: b"1\n", B: b"2"})
    found = dict(location.read([A, "went.night.json", B]))
    assert (found[A], found[B]) == (b"1\n", b"2")
    assert "went.night.json" in str(found["went.night.json"])


def test_many_files_are_read_in_their_order(location):
    files = {f"{number:03}.night.json": b"%d\n" % number for number in range(70)}
    location.add(files)
    assert list(location.read(location.names())) == sorted(files.items())


def test_copies_in_folders_of_a_folder_are_seen_and_an_empty_one_goes(tmp_path):
    Folder(tmp_path / "x" / "artifact").add({A: b"1"})
    location = Folder(tmp_path / "x")
    assert location.names() == [f"artifact/{A}"]
    location.remove(location.names())
    assert os.listdir(tmp_path / "x") == []


def test_what_is_no_file_is_named_and_waited_for_by_nobody(tmp_path):
    (tmp_path / "folder.night.json").mkdir()
    os.mkfifo(tmp_path / "pipe.night.json")
    found = dict(Folder(tmp_path).read(["folder.night.json", "pipe.night.json"]))
    assert [str(one) for one in found.values()] == [f"{tmp_path / name}: is no file; move it away" for name in found]


@pytest.mark.parametrize("kind", ["file", "nothing"])
def test_a_folder_that_is_none_is_told(tmp_path, kind):
    if kind == "file":
        (tmp_path / "x").write_text("")
    told = "is no folder; move it away" if kind == "file" else "sessions make it: pytest --modelbench-history"
    with pytest.raises(BaselineError, match=told):
        Folder(tmp_path / "x").names()


def test_a_branch_that_is_not_there_or_of_something_else_is_told(tmp_path):
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    with pytest.raises(BaselineError, match="git:nights: there is no such branch, here or fetched from origin"):
        location_of("git:nights", tmp_path).names()
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "code.py").write_text("1")
    subprocess.run(["git", "-C", str(tmp_path), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(tmp_path), *who, "commit", "-qm", "code"], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "branch", "release"], check=True)
    with pytest.raises(UsageError, match=r"git:release: this branch holds other .*, 'code.py' for one; name one of"):
        location_of("git:release", tmp_path).add({A: b"1"})
    with pytest.raises(UsageError, match="not a git repository"):
        location_of("git:nights", tmp_path.parent).names()


def test_names_that_look_like_patterns_are_read_as_they_are(emptied):
    location = location_of("memory://odd", "")
    location.add({"a[1]*.night.json": b"1", A: b"2"})
    assert content(location) == {"a[1]*.night.json": b"1", A: b"2"}


def test_a_package_that_is_missing_is_named_with_how_to_get_it(monkeypatch):
    def missing(*_):
        raise ImportError("Install it to access it")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(MissingExtraError, match=r"s3fs is not installed; .* pip install 'pytest-modelbench\[s3\]'"):
        location_of("s3://bucket/x", "")
    with pytest.raises(BaselineError, match="oss://b: cannot be reached: Install it to access it"):
        location_of("oss://b", "")
    monkeypatch.undo()
    with pytest.raises(BaselineError, match="wat://x: cannot be reached: ValueError: Protocol not known: wat"):
        location_of("wat://x", "")
    with pytest.raises(BaselineError, match="write file:///the/whole/path"):
        location_of("file://relative", "")


class _Server:
    """Of fsspec, what a location asks; each answer is an error, or never comes."""

    def __init__(self, silent=None):
        self.silent = silent

    def _fails(self, *_, **__):
        if self.silent:
            self.silent.wait(60)
        raise RuntimeError("403 for\nftp://me:secret@host/x?sig=secret")

    invalidate_cache = ls = exists = cat_file = _fails


def test_a_server_that_refuses_or_is_silent_is_an_error_that_names_it(monkeypatch):
    let_go = threading.Event()
    for server, told in (
        (_Server(), r"RuntimeError: 403 for ftp://...@host/x\?sig=..."),
        (_Server(let_go), "nothing answered within 0 s"),
    ):
        monkeypatch.setattr("fsspec.core.url_to_fs", lambda url, server=server: (server, "root"))
        location = UrlLocation("ftp://me:secret@host/x", answer_s=0.2)
        with pytest.raises(BaselineError, match=f"^ftp://...@host/x: cannot be listed: {told}$"):
            location.names()
        with pytest.raises(BaselineError, match=f"^ftp://...@host/x: cannot be written: {told}$"):
            location.add({A: b""})
    let_go.set()


class _FileServer(fsspec.get_filesystem_class("memory")):
    """Has folders, which have to be there."""

    protocol = "shares"
    store, pseudo_dirs = {}, ["", "/share"]

    def mkdir(self, path, create_parents=True):
        assert not create_parents
        if not self.exists(path.rpartition("/")[0]):
            raise FileNotFoundError(path)
        if path in self.pseudo_dirs:
            raise FileExistsError(path)
        self.pseudo_dirs.append(path)

    def _open(self, path, **more):
        if path.rpartition("/")[0] not in self.pseudo_dirs:
            raise FileNotFoundError(path)
        return super()._open(path, **more)


@pytest.mark.parametrize("share", ["share", "nobody's"])
def test_folders_are_made_on_a_server_and_never_what_they_are_in(monkeypatch, share):
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url: (_FileServer(), f"/{share}/a/b"))
    location = UrlLocation(f"shares://{share}/a/b")
    if share == "share":
        location.add({A: b"1"})
        location.add({B: b"2"})
        assert content(location) == {A: b"1", B: b"2"}
    else:
        with pytest.raises(BaselineError, match="cannot be written: FileNotFoundError"):
            location.add({A: b"1"})
    assert "/nobody's" not in _FileServer.pseudo_dirs


class _Hub(fsspec.get_filesystem_class("memory")):
    """Puts a file there whole, and knows no transactions."""

    protocol = "hub"
    store, pseudo_dirs = {}, [""]

    def start_transaction(self):
        raise NotImplementedError


def test_a_hub_without_transactions_is_written_to_as_well(monkeypatch):
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url: (_Hub(), "/x"))
    location = UrlLocation("hub://x")
    location.add({A: b"1"})
    assert content(location) == {A: b"1"}


class _Partial(fsspec.get_filesystem_class("memory")):
    """Refuses to list a folder."""

    protocol = "partial"
    store, pseudo_dirs = {}, [""]

    def ls(self, path, **more):
        if path == self.refused:
            raise PermissionError("403 Forbidden")
        return super().ls(path, **more)


@pytest.mark.parametrize("refused", ["/x", "/x/copy"])
def test_what_cannot_be_listed_is_an_error_and_not_nothing(monkeypatch, refused):
    system = _Partial()
    system.refused = ""
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url: (system, "/x"))
    location = UrlLocation("partial://x")
    assert location.names() == []
    system.pipe_file("/x/copy/" + A, b"1")
    assert location.names() == [f"copy/{A}"]
    system.refused = refused
    with pytest.raises(BaselineError, match="cannot be listed: PermissionError: 403 Forbidden"):
        location.names()
    system.store.clear()


def test_a_folder_in_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UnreadableError, match=r"locked: cannot be read: Permission denied; make it readable"):
        Folder(tmp_path).names()


def test_a_folder_that_nothing_may_look_into_is_named_by_whatever_is_asked(tmp_path, monkeypatch):
    def denied(self, **_):
        raise PermissionError(13, "Permission denied")

    for asked in ("is_dir", "exists"):
        monkeypatch.setattr(Path, asked, denied)
    told = "cannot be read: Permission denied"
    with pytest.raises(UnreadableError, match=told):
        Folder(tmp_path).names()
    ((_, found),) = Folder(tmp_path).read([A])
    assert isinstance(found, UnreadableError)
    with pytest.raises(UnreadableError, match=told):
        Folder(tmp_path).remove([A])


def test_folders_behind_links_are_seen_and_one_that_leads_upwards_ends(tmp_path):
    Folder(tmp_path / "elsewhere").add({A: b"1"})
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path / "x")
    assert Folder(tmp_path / "x").names() == [f"linked/{A}"]


def test_what_killed_writers_left_behind_goes_after_a_day(tmp_path):
    old, new = (tmp_path / f".any-{digit * 12}.tmp" for digit in "ab")
    for path, age in ((old, 25 * 3600), (new, 23 * 3600)):
        path.write_text("half")
        os.utime(path, (time.time() - age,) * 2)
    Folder(tmp_path).add({A: b"1"})
    assert sorted(os.listdir(tmp_path)) == sorted([new.name, A])


def test_what_nobody_could_look_at_is_told_apart_from_what_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url: (_Server(), "root"))
    ((_, found),) = UrlLocation("ftp://host/x").read([A])
    assert isinstance(found, UnreadableError)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    branch = location_of("git:nights", tmp_path)
    branch.add({A: b"1\n"})
    monkeypatch.setattr(Branch, "contents", lambda self, ids: iter([None] * len(ids)))
    ((_, found),) = branch.read([A])
    assert isinstance(found, UnreadableError)


def test_a_token_of_a_remote_is_not_printed(capsys):
    assert main(["history-push", "--history", "git:nights", "--remote", "https://me:secret@host/x"]) == 4
    assert capsys.readouterr().err.startswith("pytest-modelbench: --remote takes the name of a remote, not its URL; ")
    said = str(GitError("fatal: unable to access 'https://me:secret@host/x/': The requested URL returned error: 403"))
    assert said == "fatal: unable to access 'https://...@host/x/': The requested URL returned error: 403"
