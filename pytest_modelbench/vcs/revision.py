"""Revisions of the user's project: which one is meant, and whether the working tree holds its code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.vcs.git import Repository, ask, git, repository

#: Untracked files of these kinds can change what a test measures. A false alarm costs a comparison that was not needed.
_CODE = frozenset((".py", ".pyx", ".so", ".c", ".cc", ".cpp", ".h", ".cu", ".cuh", ".toml", ".cfg", ".ini"))
#: Where git looks for a short name, in its order (gitrevisions(7)).
_PLACES = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit by its full id, and by the ``name`` that the user wrote."""

    commit: str
    name: str


def resolve(root: Path, ref: str) -> Revision:
    """The commit that ``ref`` names in the repository of ``root``; UsageError if it names none, or more than one."""
    repo = repository(root)
    # No revision begins with a dash; git would take it for an option.
    known = ref and not ref.startswith("-") and "\0" not in ref
    # In two steps: a suffix would become part of the text in ":/text".
    found = ask(root, "-c", "core.disambiguate=committish", "rev-parse", "--verify", ref) if known else None
    name = found.output.strip() if found is not None and found.status == 0 else ""
    if not re.fullmatch("[0-9a-f]{40,64}", name):
        raise UsageError(_unknown(repo, ref))
    commit = ask(root, "rev-parse", "--verify", f"{name}^{{commit}}")
    if commit.status != 0:
        kind = ask(root, "cat-file", "-t", name)
        if kind.status != 0:
            raise UsageError(f"commit {ref} is not in the clone {repo.toplevel}.{_fetch(repo, ref)}")
        raise UsageError(f"{ref!r} names a {kind.output.strip()}; name a commit: by a branch, a tag or its id")
    _refuse_ambiguous(repo, ref)
    return Revision(commit.output.strip(), ref)


def _unknown(repo: Repository, ref: str) -> str:
    """Why ``ref`` cannot be resolved, and the way out."""
    if re.fullmatch("[0-9a-f]{4,}", ref):
        objects = ask(repo.root, "rev-parse", f"--disambiguate={ref}").output.split()
        commits = [name for name in objects if ask(repo.root, "cat-file", "-t", name).output.strip() == "commit"]
        if len(commits) > 1:
            return f"{ref!r} is ambiguous: it begins {', '.join(commits)}; write more of the commit id"
    listed = ask(repo.root, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/remotes")
    names = [name.split("/", 2)[2] for name in listed.output.splitlines()]
    # A runner of a continuous integration service often has origin/main and no main.
    remote = [name for name in names if ref and name.endswith(f"/{ref}")]
    near = f" Did you mean {remote[0]!r}?" if remote else did_you_mean(ref, names)
    return f"there is no revision {ref!r} in {repo.toplevel}.{near}{_fetch(repo, ref)}"


def _fetch(repo: Repository, ref: str) -> str:
    """How to bring what this clone does not have."""
    if ask(repo.root, "rev-parse", "--is-shallow-repository").output.strip() != "true":
        return " What only the server has comes with: git fetch --all --tags"
    return (
        f" This clone is shallow, its history is cut off: git fetch --unshallow, or git fetch origin {ref}; "
        "in a CI job, check out with the history (actions/checkout: fetch-depth: 0)"
    )


def _refuse_ambiguous(repo: Repository, ref: str) -> None:
    """Raise UsageError if a branch and a tag have this name and differ. Git would take the tag, with a warning."""
    name = re.split(r"[~^:]|@\{", ref, maxsplit=1)[0]
    places = [place.format(name) for place in _PLACES] if name else []
    listed = ask(repo.root, "for-each-ref", "--format=%(refname)", *places).output.splitlines() if places else []
    commits = {
        place: ask(repo.root, "rev-parse", "--verify", "--quiet", f"{place}^{{commit}}").output.strip()
        for place in places
        if place in listed
    }
    if len(set(commits.values())) > 1:
        raise UsageError(f"{ref!r} is ambiguous; write the one you mean: {' or '.join(commits)}")


def same_code(root: Path, commit: str, ignoring: Sequence[Path] = ()) -> bool:
    """Whether the working tree of ``root``'s repository holds exactly the code of ``commit``.

    No tracked file differs from it and no untracked file is code. What lies below the folders ``ignoring`` does not
    count. In doubt the answer is no. Raises UsageError if git cannot tell.
    """
    repo = repository(root)
    ignored = [relative for path in ignoring if (relative := repo.relative(path)) and relative != Path()]
    # The top of the repository, whatever part of it is under test: shared code may lie beside.
    paths = [":(top)", *(f":(top,exclude,literal){relative.as_posix()}" for relative in ignored)]
    difference = ask(repo.toplevel, "diff-tree", "-r", "--quiet", "HEAD", commit, "--", *paths)
    if difference.status not in (0, 1):
        raise UsageError(f"comparing {repo.toplevel} with commit {commit[:10]} failed:\n{difference.error.strip()}")
    return difference.status == 0 and not _changed(repo.toplevel, paths)


def _changed(toplevel: Path, paths: Sequence[str]) -> bool:
    """Whether a working tree, or that of one of its submodules, may hold other code than the commit it is at."""
    doing = f"looking for changes in {toplevel}"
    # Not `git diff`: it refreshes the user's index on the disk, even where it is told not to.
    options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=untracked")
    for entry in _entries(git(toplevel, "status", *options, "--", *paths, doing=doing)):
        name = entry[3:]
        # A name that ends in a slash is a repository of its own, which git does not look into.
        if not entry.startswith("??") or name.endswith("/") or Path(name).suffix in _CODE:
            return True
    for entry in _entries(git(toplevel, "ls-files", "-z", "-v", "--stage", "--", *paths, doing=doing)):
        state, _, name = entry.partition("\t")
        tag, mode, *_ = state.split()
        place = toplevel / name
        # Marked assume-unchanged, or skip-worktree and there all the same: git does not look whether it changed.
        if tag.islower() or (tag == "S" and mode != "160000" and place.exists()):
            return True
        # What is untracked in a submodule is not seen from outside.
        if mode == "160000" and (place / ".git").exists() and _changed(place, [":(top)"]):
            return True
    return False


def _entries(output: str) -> list[str]:
    return [entry for entry in output.split("\0") if entry]
