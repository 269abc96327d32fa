"""Writing files whole or not at all, and one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store import atomic
from pytest_modelbench.store.atomic import locked, write_atomically

OLD, NEW = "old\n" * 1000, "new\n" * 1000

_KILLED_AT = """
import os, signal, sys
from pathlib import Path
from pytest_modelbench.store.atomic import write_atomically

step, nth, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
real, calls = getattr(os, step), 0

def killing(*args, **kwargs):
    global calls
    calls += 1
    if calls == nth:
        if step == "write":
            real(args[0], args[1][:7])  # a part of it has arrived
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)

setattr(os, step, killing)
write_atomically(path, "new\\n" * 1000)
"""


@pytest.mark.parametrize(
    ("step", "nth", "expected"),
    [
        ("open", 1, OLD),
        ("fchmod", 1, OLD),
        ("write", 1, OLD),
        ("fsync", 1, OLD),
        ("replace", 1, OLD),
        ("open", 2, NEW),  # the folder, to make the renaming last
        ("fsync", 2, NEW),
    ],
)
def test_killed_at_any_step_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, step: str, nth: int, expected: str
) -> None:
    path = tmp_path / "inference.json"
    path.write_text(OLD)
    done = subprocess.run([sys.executable, "-c", _KILLED_AT, step, str(nth), str(path)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == expected
    # What may be left behind is not taken for a baseline.
    assert [p.name for p in tmp_path.glob("*.json") if not p.name.startswith(".")] == ["inference.json"]


@pytest.mark.parametrize("step", ["open", "fchmod", "write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_an_error_at_any_step_names_the_path_keeps_the_file_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    path = tmp_path / "inference.json"
    path.write_text(OLD)

    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic.os, step, fail)
    with pytest.raises(BaselineError) as caught:
        write_atomically(path, NEW)
    monkeypatch.undo()
    assert str(caught.value).startswith(f"{path}: cannot be written: {os.strerror(number)}")
    assert path.read_text() == OLD
    assert os.listdir(tmp_path) == ["inference.json"]


def test_an_interrupt_while_writing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.json", NEW)
    assert os.listdir(tmp_path) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(atomic.os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    write_atomically(tmp_path / "a.json", "0123456789é")
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "0123456789é"


def test_an_existing_file_keeps_its_permissions_and_a_new_one_follows_the_umask(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(OLD)
    old.chmod(0o640)
    before = os.umask(0o027)
    try:
        write_atomically(old, NEW)
        write_atomically(new, NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "real.json", tmp_path / "link.json"
    target.write_text(OLD)
    link.symlink_to(target)
    write_atomically(link, NEW)
    assert link.is_symlink()
    assert target.read_text() == NEW


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="cannot be written: No such file or directory"):
        write_atomically(tmp_path / "missing" / "a.json", NEW)


def test_a_file_system_that_cannot_sync_folders_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    write_atomically(tmp_path / "a.json", NEW)
    assert (tmp_path / "a.json").read_text() == NEW


def test_a_lock_held_for_too_long_names_the_folder_and_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(atomic.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(atomic.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + 20 * seconds))
    with (
        locked(tmp_path),
        pytest.raises(BaselineError, match=f"^{tmp_path}: another session has been writing here for 60 s"),
        locked(tmp_path),
    ):
        pytest.fail("two holders")
    assert 60 <= clock[0] < 62


def test_a_lock_is_free_again_after_its_block_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), locked(tmp_path):
        raise RuntimeError
    with locked(tmp_path, wait_s=0):
        assert os.listdir(tmp_path) == []


def test_a_file_system_without_locks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(BaselineError, match="cannot be locked: No locks available"), locked(tmp_path):
        pytest.fail("no lock")


def test_only_a_folder_can_be_locked(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="missing: cannot be opened"), locked(tmp_path / "missing"):
        pytest.fail("no lock")


def test_what_killed_writers_left_beside_it_a_while_ago_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "in[f]erence.json"
    names = {
        ".in[f]erence-0123456789ab.tmp": 0,  # of a writer that was killed
        ".in[f]erence-ba9876543210.tmp": 2**40,  # of one that may be at it
        ".in[f]erence-0123456789.tmp": 0,
        ".other-0123456789ab.tmp": 0,
    }
    for name, changed in names.items():
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (changed, changed))
    write_atomically(path, NEW)
    assert {one.name for one in tmp_path.iterdir()} == {path.name, *list(names)[1:]}


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "inference.json"
    path.write_text(OLD)
    monkeypatch.setattr(atomic.os, "access", lambda target, mode: (target, mode) != (path.resolve(), os.W_OK))
    with pytest.raises(BaselineError, match=r"inference.json: cannot be written: Permission denied"):
        write_atomically(path, NEW)
    assert path.read_text() == OLD


def test_new_folders_last_as_new_files_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(atomic, "_sync_folder", synced.append)
    atomic.make_folder(tmp_path / "a/b")
    assert set(synced) == {tmp_path, tmp_path / "a"}
    atomic.make_folder(tmp_path / "a/b")
    assert len(synced) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such thing here")
def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "results.json"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        write_atomically(pipe, NEW)
        assert reader.communicate(timeout=60)[0].decode() == NEW
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [one.name for one in tmp_path.iterdir()] == [pipe.name]
