"""A branch of git as a place for files: read, added to and pushed without a working tree, an index or HEAD."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import GitError, ask, ask_raw, entries

#: How long others may come in between. A change takes tens of milliseconds.
_CHANGE_S = 60.0
#: What a remote may take that is far away.
_REMOTE_S = 120.0
#: Files that are asked for at once: what of git's is in memory at a time.
_AT_ONCE = 64
#: How often others may push in between.
_PUSHES = 10
#: Who changed it, where git knows nobody: on a machine of CI, mostly.
_NOBODY = "pytest-modelbench <pytest-modelbench@localhost>"
#: What may lie beside the files, and tell of them.
_README = re.compile(r"README(\.\w+)?")
#: What git says of a reference that another process is changing.
_BUSY = ("cannot lock ref", "Unable to create", "unable to create", "not updating", "Not updating")


class Blob(NamedTuple):
    """A file of a commit: its mode, and what is in it by git's name for that."""

    mode: str
    id: str


@dataclass(frozen=True, slots=True)
class Branch:
    """The branch ``name`` of the repository that ``root`` lies in; there need not be one yet."""

    root: Path
    name: str
    endings: tuple[str, ...]  #: how its files are called; one that holds others, but a README, is of something else
    remote: str = "origin"

    def files(self) -> dict[str, Blob]:
        """Its files by name, and those that the remote's branch had when it was last fetched.

        GitError where ``root`` is in no repository.
        """
        tips = [tip for tip in (self._tip(), self._remote_tip()) if tip]
        return self._together(*tips)[0] if len(tips) == 2 else self._files(tips[0]) if tips else {}

    def exists(self) -> bool:
        """Whether it was ever written here, or fetched."""
        return bool(self._tip() or self._remote_tip())

    def contents(self, ids: Sequence[str]) -> Iterator[bytes | None]:
        """What is in each of the blobs ``ids``; None for one that is not there."""
        for start in range(0, len(ids), _AT_ONCE):
            asked = ids[start : start + _AT_ONCE]
            data = self._run("cat-file", "--batch", given="\n".join(asked).encode() + b"\n", doing="reading")
            at = 0
            for _ in asked:
                end = data.index(b"\n", at)
                kind, *size = data[at:end].split()[1:]
                at = end + 1
                if kind == b"missing" or not size:
                    yield None
                    continue
                yield data[at : at + int(size[0])]
                at += int(size[0]) + 1

    def change(self, add: Mapping[str, bytes], remove: Collection[str], message: str) -> None:
        """Commit files that are not there yet, and take some away, whoever else changes it meanwhile.

        Nothing that is there is written anew. Raises GitError if it cannot be changed, UsageError if it is of something
        else, or checked out: files there would look like changes then.
        """
        self._check_free()
        self._own_files(self._remote_tip())
        deadline = time.monotonic() + _CHANGE_S
        while True:
            own = self._tip()
            tip = own or self._remote_tip()
            there = self._own_files(tip)
            added = [_inline(name, data) for name, data in add.items() if name not in there]
            gone = [_removed(name) for name in remove if name in there]
            if not (added or gone):
                return
            if self._commit(own, [tip] if tip else [], [*added, *gone], message, deadline):
                return

    def push(self) -> str:
        """What became of it, in words: its files go to the remote's branch, and that one's come here.

        Where both have changed they are merged: what one side took away is gone, all else is kept. Raises GitError, and
        UsageError where one of them is of something else.
        """
        self._check_free()
        self._own_files(self._tip())
        for _ in range(_PUSHES):
            there = self._at_remote()
            if there and not self._holds(there):
                self._run("fetch", "--no-tags", self.remote, f"+refs/heads/{self.name}:{self._remote_ref}",
                          doing="fetching", timeout_s=_REMOTE_S)  # fmt: skip
                self._own_files(there)
                self._merge(there)
            tip = self._tip()
            if tip is None:
                raise UsageError(
                    f"git:{self.name}: nothing is kept in this branch yet, here or at {self.remote}; sessions make it: "
                    f"pytest --modelbench-history git:{self.name}"
                )
            if tip == there:
                return f"{self.remote} has all of it"
            refs = f"{tip}:refs/heads/{self.name}"
            answer = ask(self.root, "push", "--porcelain", self.remote, refs, timeout_s=_REMOTE_S)
            if answer.status == 0:
                self._run("update-ref", self._remote_ref, tip, doing="noting what was pushed")
                return f"pushed to {self.remote}"
            if self._at_remote() == there:  # nobody came in between: it is refused
                said = "\n".join(filter(None, (answer.error.strip(), answer.output.strip())))
                raise GitError(f"git:{self.name}: cannot be pushed to {self.remote}:\n{said}")
        raise GitError(f"git:{self.name}: others pushed to {self.remote} {_PUSHES} times in between; push again")

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self.name}"

    @property
    def _remote_ref(self) -> str:
        return f"refs/remotes/{self.remote}/{self.name}"

    def _tip(self) -> str | None:
        return self._commit_of(self._ref)

    def _remote_tip(self) -> str | None:
        return self._commit_of(self._remote_ref)

    def _commit_of(self, ref: str) -> str | None:
        answer = ask(self.root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if answer.status == 0:
            return answer.output.strip()
        self._check_repository()
        return None

    def _at_remote(self) -> str | None:
        told = self._run("ls-remote", self.remote, self._ref, doing="looking at the remote", timeout_s=_REMOTE_S)
        return told.split()[0].decode() if told.strip() else None

    def _holds(self, commit: str) -> bool:
        tip = self._tip()
        return tip is not None and ask(self.root, "merge-base", "--is-ancestor", commit, tip).status == 0

    def _files(self, commit: str) -> dict[str, Blob]:
        found = {}
        for entry in entries(os.fsdecode(self._run("ls-tree", "-r", "-z", "--full-tree", commit, doing="listing"))):
            about, _, name = entry.partition("\t")
            mode, _, id_ = about.split()
            found[name] = Blob(mode, id_)
        return found

    def _own_files(self, commit: str | None) -> dict[str, Blob]:
        """The files of ``commit``; UsageError where it has others than `endings` says."""
        found = self._files(commit) if commit else {}
        for name in found:
            if not (name.endswith(self.endings) or _README.fullmatch(name)):
                raise UsageError(
                    f"git:{self.name}: this branch holds other files than a history's, {name!r} for one; name one of "
                    "its own, such as git:modelbench-history"
                )
        return found

    def _together(self, ours: str, theirs: str) -> tuple[dict[str, Blob], list[str]]:
        """The files of both commits, but those that one of them took away; names that they tell otherwise of."""
        base = ask(self.root, "merge-base", ours, theirs)
        before = self._files(base.output.strip()) if base.status == 0 else {}
        here, there = self._files(ours), self._files(theirs)
        found, torn = {}, []
        for name in there | here:
            sides, was = [side[name] for side in (here, there) if name in side], before.get(name)
            if was and len(sides) < 2:
                continue
            changed = [one for one in sides if one != was] or sides
            found[name] = changed[0]
            if len(set(changed)) > 1:
                torn.append(name)
        return found, torn

    def _merge(self, there: str) -> None:
        """Make the branch hold ``there``, a commit of the remote's, as well."""
        deadline = time.monotonic() + _CHANGE_S
        while not self._holds(there):
            tip = self._tip()
            if tip is None or ask(self.root, "merge-base", "--is-ancestor", tip, there).status == 0:
                answer = ask(self.root, "update-ref", self._ref, there, tip or "0" * len(there))
                if answer.status != 0:
                    self._let_others(tip, answer.error, deadline)
                continue
            ours, (merged, torn) = self._files(tip), self._together(tip, there)
            if torn:
                raise GitError(
                    f"git:{self.name}: here and at {self.remote} there is something else in {', '.join(torn[:3])}; "
                    f"look at both with `git diff {self._ref} {self._remote_ref}`, and take away the wrong one"
                )
            added = [
                f"M {blob.mode} {blob.id} ".encode() + _quoted(name) + b"\n"
                for name, blob in merged.items()
                if ours.get(name) != blob
            ]
            gone = [_removed(name) for name in ours if name not in merged]
            self._commit(tip, [tip, there], [*added, *gone], f"Merge {self.name} of {self.remote}", deadline)

    def _commit(
        self, own: str | None, parents: Sequence[str], changes: Sequence[bytes], message: str, deadline: float
    ) -> bool:
        """Whether a commit became the branch's tip, which was ``own``; not where another one did in between."""
        told = message.encode()
        lines = [f"commit {self._ref}\ncommitter {self._committer()}\ndata {len(told)}\n".encode(), told, b"\n"]
        lines += [f"{'merge' if place else 'from'} {one}\n".encode() for place, one in enumerate(parents)]
        # It refuses a tip that does not hold the one that is there, and replaces no other than it saw.
        answer = ask_raw(self.root, "fast-import", "--quiet", "--done", given=b"".join([*lines, *changes, b"done\n"]))
        if answer.status == 0:
            return True
        self._let_others(own, answer.error, deadline)
        return False

    def _let_others(self, own: str | None, said: str, deadline: float) -> None:
        """Wait for whoever changes the branch; GitError with what git ``said`` if nobody does, or for too long."""
        moved = self._tip() != own or any(sign in said for sign in _BUSY)
        if not moved or time.monotonic() > deadline:
            raise GitError(f"git:{self.name}: cannot be written in {self.root}:\n{said.strip()}")
        time.sleep(random.uniform(0.01, 0.1))

    def _committer(self) -> str:
        """Who commits, and when: as git is configured, not as it would guess from the machine's name."""
        answer = ask(self.root, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
        return answer.output.strip() if answer.status == 0 else f"{_NOBODY} {int(time.time())} +0000"

    def _check_repository(self) -> None:
        answer = ask(self.root, "rev-parse", "--git-dir")
        if answer.status != 0:
            raise UsageError(f"git:{self.name}: no git repository can be used here: {answer.error.strip()}")

    def _check_free(self) -> None:
        """Raise UsageError where it is checked out."""
        self._check_repository()
        # Also where nothing is committed yet, and there is no such branch.
        for tree in ask(self.root, "worktree", "list", "--porcelain").output.split("\n\n"):
            if f"branch {self._ref}" in tree.splitlines():
                where = tree.partition("\n")[0].removeprefix("worktree ")
                raise UsageError(
                    f"git:{self.name}: this branch is checked out in {where}, where files would seem to change; name a "
                    "branch of its own, such as git:modelbench-history, or check out another one there"
                )

    def _run(self, *arguments: str, doing: str, given: bytes = b"", timeout_s: float = _CHANGE_S) -> bytes:
        answer = ask_raw(self.root, *arguments, given=given, timeout_s=timeout_s)
        if answer.status != 0:
            raise GitError(f"git:{self.name}: {doing} failed in {self.root}:\n{answer.error.strip()}")
        return answer.output


def _inline(name: str, data: bytes) -> bytes:
    return b"M 100644 inline " + _quoted(name) + f"\ndata {len(data)}\n".encode() + data + b"\n"


def _removed(name: str) -> bytes:
    return b"D " + _quoted(name) + b"\n"


def _quoted(name: str) -> bytes:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return os.fsencode(f'"{escaped}"')
