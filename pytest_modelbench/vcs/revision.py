"""Revisions of the user's project: which one is meant, and whether the working tree holds its code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.vcs.alike import alike_in_commits, alike_to_head
from pytest_modelbench.vcs.git import Repository, ask, changed, entries, git, repository
from pytest_modelbench.vcs.kinds import SIGNS_OF_OURS, generated, may_be_ours

#: Where git looks for a short name, in its order (gitrevisions(7)).
_PLACES = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
#: How many names one command line is given.
_AT_ONCE = 500


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


def same_code(root: Path, commit: str) -> bool:
    """Whether the working tree of ``root``'s repository holds the code of ``commit``: it does the very same.

    No tracked file differs from it but files of baselines and results, which tell of code, and in what `vcs.alike`
    leaves out, comments and prose; and no untracked file is code. In doubt the answer is no. Raises UsageError if git
    cannot tell.
    """
    repo = repository(root)
    # The top of the repository, whatever part of it is under test: shared code may lie beside.
    difference = ask(repo.toplevel, "diff-tree", "-r", "-z", "--no-renames", "--name-status", "HEAD", commit)
    if difference.status != 0:
        raise UsageError(f"comparing {repo.toplevel} with commit {commit[:10]} failed:\n{difference.error.strip()}")
    told = entries(difference.output)
    states = dict(zip(told[1::2], told[::2], strict=True))
    ours = _of_ours(repo.toplevel, commit, states)
    alike = alike_in_commits(repo.toplevel, "HEAD", commit, [name for name in states if name not in ours])
    return alike and not changed(repo.toplevel, but=alike_to_head(repo.toplevel))


def _of_ours(toplevel: Path, commit: str, states: Mapping[str, str]) -> set[str]:
    """Those of the files that differ between HEAD and ``commit`` that are of baselines or results where they are.

    ``states`` are git's letters: A for what the commit alone has, D for what HEAD alone has.
    """
    names = sorted(name for name in states if may_be_ours(name))
    found: dict[str, set[str]] = {"HEAD": set(), commit: set()}
    for start in range(0, len(names), _AT_ONCE):
        asked = [f":(top,literal){name}" for name in names[start : start + _AT_ONCE]]
        signs = [part for sign in SIGNS_OF_OURS for part in ("-e", sign)]
        for one, those in found.items():
            listed = ask(toplevel, "grep", "-z", "-l", "-F", "--full-name", *signs, one, "--", *asked).output
            those.update(entry.partition(":")[2] for entry in entries(listed))
    lacking = {"A": "HEAD", "D": commit}
    return {
        name for name in names if all(name in those or lacking.get(states[name]) == one for one, those in found.items())
    }


def unknown_code(root: Path, files: Sequence[Path]) -> list[Path]:
    """Those of ``files`` that git is told to ignore and that no tool generated; UsageError if git cannot tell.

    Code that is read from there belongs to no commit, whatever git says of the rest.
    """
    repo = repository(root)
    inside = {str(relative): path for path in files if (relative := repo.relative(path))}
    found: list[Path] = []
    names = sorted(inside)
    for start in range(0, len(names), _AT_ONCE):
        asked = [f":(top,literal){name}" for name in names[start : start + _AT_ONCE]]
        options = ("-z", "--full-name", "--others", "--ignored", "--exclude-standard")
        doing = f"looking for ignored code in {repo.toplevel}"
        listed = git(repo.toplevel, "ls-files", *options, "--", *asked, doing=doing)
        found += [inside[name] for name in entries(listed) if name in inside and not generated(inside[name])]
    return found
