"""A revision of the user's project on the disk, beside the working tree, for as long as it is measured."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.vcs.git import GitError, Repository, ask, git, repository
from pytest_modelbench.vcs.revision import Revision
from pytest_modelbench.vcs.slot import Slot, abandoned, cache_folder, claim, own_folder
from pytest_modelbench.vcs.submodules import Source, fill

#: Large repositories, slow disks, and filters that fetch each file from a server.
CHECKOUT_S = 600.0
_ELSEWHERE = "XDG_CACHE_HOME names another place for it, if that one is full or cannot be written"


class Checkout:
    """The files of ``revision``, from entering the context to leaving it, in a folder below ``cache``.

    A git worktree of its own: the user's working tree, index, branches and configuration stay as they are. UsageError
    on entering if it cannot be made; then nothing of it is left behind. What a killed process left behind is removed
    when the next one enters.
    """

    def __init__(self, root: Path, revision: Revision, cache: Path | None = None) -> None:
        self._given = root
        self._revision = revision
        self._cache = cache
        self._repository: Repository | None = None
        self._slot: Slot | None = None
        self._tree = Path()

    def __enter__(self) -> Checkout:
        repo = self._repository = repository(self._given)
        cache, slot = self._claim()
        self._slot = slot
        # The name of the project's folder is kept: with an __init__.py in it, it is the name of a package.
        self._tree = slot.folder / (repo.toplevel.name or "tree")
        try:
            slot.note({"common_dir": str(repo.common_dir), "tree": self._tree.name})
            self._fill(repo, slot.folder)
        except OSError as error:
            self._leave()
            raise UsageError(
                f"{self._name()} cannot be checked out in {cache}: {error.strerror or error}; {_ELSEWHERE}"
            ) from error
        except GitError as error:
            self._leave()
            if not os.access(repo.common_dir, os.W_OK):
                raise UsageError(
                    f"{self._name()} cannot be checked out: {repo.common_dir} cannot be written, where git keeps a "
                    f"note of each checkout. Make it writable, or run in a copy: git clone {repo.toplevel} ELSEWHERE"
                ) from error
            raise UsageError(f"{error}\nThe checkout goes to {cache}; {_ELSEWHERE}") from error
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    @property
    def root(self) -> Path:
        """Where the checkout has what is at the project's root in the working tree."""
        return self._tree / self._entered().prefix

    @property
    def top(self) -> Path:
        """The top of its files."""
        return self._tree

    @property
    def prefix(self) -> str:
        """Where the project's root lies below the top of its repository."""
        return self._entered().prefix.as_posix()

    def path_of(self, path: Path) -> Path | None:
        """Where the checkout has, or would have, what is at ``path``; None if that lies outside of the repository."""
        relative = self._entered().relative(path)
        return None if relative is None else self._tree / relative

    def check(self) -> None:
        """Raise ModelbenchError if the checkout has vanished meanwhile."""
        if not (self.root.is_dir() and (self._tree / ".git").is_file()):
            raise ModelbenchError(
                f"{self._tree}, the checkout of {self._name()}, was removed by somebody else while it was in use; run "
                "the same again, and keep what cleans that folder from running meanwhile"
            )

    def _entered(self) -> Repository:
        if self._repository is None:
            raise RuntimeError("a checkout has paths only within its context")
        return self._repository

    def _name(self) -> str:
        return f"{self._revision.name} ({self._revision.commit[:10]})"

    def _claim(self) -> tuple[Path, Slot]:
        """A folder of this process's own in the cache, freed of what killed processes left there."""
        try:
            cache = self._cache or cache_folder() / "worktrees"
        except OSError as error:
            raise UsageError(f"there is no folder for caches: {error}; set XDG_CACHE_HOME to one") from error
        try:
            cache = own_folder(cache)
            for slot in abandoned(cache):
                _remove(slot)
            return cache, claim(cache, self._revision.commit[:10])
        except OSError as error:
            raise UsageError(
                f"{self._name()} cannot be checked out in {cache}: {error.strerror or error}; {_ELSEWHERE}"
            ) from error

    def _fill(self, repo: Repository, scratch: Path) -> None:
        doing = f"checking out {self._name()}"
        commit, tree = self._revision.commit, str(self._tree)
        # Registered first and filled then: in one step, git would run a post-checkout hook.
        git(repo.root, "worktree", "add", "--detach", "--no-checkout", tree, commit, doing=doing, timeout_s=CHECKOUT_S)
        git(
            self._tree,
            *("reset", "--hard", "--quiet", "--no-recurse-submodules"),
            doing=doing,
            timeout_s=CHECKOUT_S,
        )
        fill(Source(repo.common_dir, repo.toplevel, commit), self._tree, scratch)
        if not self.root.is_dir():
            raise UsageError(f"{self._name()} has no folder {repo.prefix}; name a revision that has it")

    def _leave(self) -> None:
        if self._slot is not None:
            slot, self._slot = self._slot, None
            _remove(slot)


def _remove(slot: Slot) -> None:
    """Remove the checkout in ``slot`` from the disk and from its repository.

    What cannot be removed now is left for the next process that enters a checkout; the measurement is over and valid.
    """
    facts = slot.facts()
    slot.empty()
    common_dir, name = facts.get("common_dir", ""), Path(facts.get("tree", "")).name
    # The note may be anybody's: whatever it says, the worktree is one in this folder, and is empty by now.
    if not common_dir or name in ("", "..") or _unregistered(Path(common_dir), str(slot.folder / name)):
        slot.free()
    else:
        slot.close()


def _unregistered(common_dir: Path, tree: str) -> bool:
    """Whether the repository at ``common_dir``, if there still is one, does not know the worktree ``tree`` any more."""
    if not (common_dir / "worktrees").is_dir():
        return True
    asked = (f"--git-dir={common_dir}", "worktree")
    try:
        # Twice forced, it removes a locked one as well. The folder is gone already: only the registration is removed.
        ask(common_dir, *asked, "remove", "--force", "--force", tree)
        listed = ask(common_dir, *asked, "list", "--porcelain")
    except UsageError:
        return False
    return listed.status == 0 and f"worktree {tree}\n" not in listed.output
