"""Folders in a cache that belong to one process each, and those whose process is gone.

Each holds the file `owner.json`, which its process keeps locked: the kernel lets go of the lock when the process ends,
however it ends. That is sure where a process id is not: ids are used again, and containers and hosts that share a cache
do not share ids.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{10}-[0-9]+-[0-9a-f]{8}")
_OWNER = "owner.json"
#: When a folder counts as left behind where locks cannot tell. No session takes so long.
ABANDONED_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Slot:
    """A folder that this process alone uses until it lets go of it."""

    folder: Path
    descriptor: int

    def note(self, facts: Mapping[str, str]) -> None:
        """Leave ``facts`` for whoever finds the folder after a crash."""
        os.pwrite(self.descriptor, json.dumps(facts).encode(), 0)

    def facts(self) -> dict[str, str]:
        """What was noted; empty if nothing was, or not in full."""
        try:
            read = json.loads(os.pread(self.descriptor, 1 << 16, 0))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in read.items()} if isinstance(read, dict) else {}

    def empty(self) -> None:
        """Remove all but the owner's note, as far as permissions go."""
        with contextlib.suppress(OSError):
            for path in list(self.folder.iterdir()):
                if path.name != _OWNER:
                    _delete(path)

    def free(self) -> None:
        """Remove the folder if it is empty, and let another process have it if it is not."""
        with contextlib.suppress(OSError):
            if all(path.name == _OWNER for path in self.folder.iterdir()):
                os.unlink(self.folder / _OWNER)
                os.rmdir(self.folder)
        self.close()

    def close(self) -> None:
        """Let go of it: the next process that looks for abandoned folders finds it."""
        os.close(self.descriptor)


def cache_folder() -> Path:
    """Where caches of this package go: below $XDG_CACHE_HOME, or ~/.cache. OSError if the user has no home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The specification of XDG base directories says that relative paths are to be ignored.
        base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    except RuntimeError as error:
        raise OSError(str(error)) from error
    return base / "pytest-modelbench"


def own_folder(cache: Path) -> Path:
    """``cache`` in full, made if it is not there, for this user alone; OSError if it is another user's."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    cache = cache.resolve()
    status = cache.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, f"the folder belongs to another user (id {status.st_uid})", str(cache))
    # Who could write here could have checkouts of this user's, and what is removed of them, lead elsewhere.
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        cache.chmod(0o700)
    return cache


def claim(cache: Path, label: str) -> Slot:
    """A new folder in ``cache`` for this process; OSError if it cannot be made. ``label``: ten hexadecimal digits."""
    while True:
        folder = cache / f"{label}-{os.getpid()}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)  # private sources stay private, wherever they came from
        try:
            descriptor = os.open(folder / _OWNER, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise
        slot = Slot(folder, descriptor)
        # Another process may have found the folder before it was locked, and taken it for abandoned: then once more.
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return slot
        slot.close()


def abandoned(cache: Path) -> Iterator[Slot]:
    """Folders in ``cache`` whose processes are gone; they are this process's now."""
    with contextlib.suppress(OSError):
        for folder in sorted(cache.iterdir()):
            if _NAME.fullmatch(folder.name) and _is_own(folder) and (slot := _take_over(folder)):
                yield slot


def _is_own(folder: Path) -> bool:
    """Whether it is a folder itself, and not a link that leads anywhere, and this user's."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _take_over(folder: Path) -> Slot | None:
    """The folder of a process that is gone, or None."""
    note = folder / _OWNER
    noted = note.exists()
    old = _old(note if noted else folder)
    try:
        # A folder without a note may be about to get it.
        create = os.O_CREAT if old and not noted else 0
        descriptor = os.open(note, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | create, 0o600)
    except OSError:
        return None
    slot = Slot(folder, descriptor)
    locked = _lock(descriptor)
    if locked or (locked is None and old):
        return slot
    slot.close()
    return None


def _lock(descriptor: int) -> bool | None:
    """Whether the lock was free and is held now; None if the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_S
    except OSError:
        return False


def _delete(path: Path) -> None:
    """Remove ``path`` and all below, folders that forbid it included."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    shutil.rmtree(path, ignore_errors=True)
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            os.chmod(folder, stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)
