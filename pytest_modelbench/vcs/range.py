"""The commits of a range, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import ask, entries, git, repository
from pytest_modelbench.vcs.revision import resolve

#: How many ids one command line is given.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RangeCommit:
    """A commit by its full id, with the first line of its message, its date, and its parents."""

    id: str
    subject: str
    date: str
    parents: tuple[str, ...]

    @property
    def is_merge(self) -> bool:
        """Whether it joins several lines."""
        return len(self.parents) > 1


def commits_between(root: Path, good: str, bad: str) -> tuple[RangeCommit, tuple[RangeCommit, ...]]:
    """The commit ``good``, and those after it up to ``bad``, the oldest first.

    Of a merge the first parent is followed: what it brought is one step. UsageError where one does not come after the
    other.
    """
    repo = repository(root)
    first, last = resolve(root, good), resolve(root, bad)
    if first.commit == last.commit:
        raise UsageError(f"{good} and {bad} are the same commit, {first.commit[:10]}; name a range, as in v1.2..HEAD")
    doing = f"listing the commits from {good} to {bad}"
    own = git(repo.toplevel, "rev-list", "--first-parent", f"{first.commit}..{last.commit}", doing=doing).split()
    begun = git(repo.toplevel, "rev-parse", f"{own[-1]}^@", doing=doing).split() if own else []
    if first.commit not in begun[:1]:
        raise UsageError(_apart(repo.toplevel, (good, first.commit), (bad, last.commit)))
    form = ("-c", "log.showSignature=false", "log", "--no-walk=unsorted", "-z", "--format=%H%n%P%n%cs%n%s")
    ids, known = [first.commit, *reversed(own)], list[RangeCommit]()
    for start in range(0, len(ids), _AT_ONCE):
        told = git(repo.toplevel, *form, *ids[start : start + _AT_ONCE], doing=doing)
        known += map(_commit, entries(told))
    return known[0], tuple(known[1:])


def _commit(entry: str) -> RangeCommit:
    commit, parents, date, subject = entry.split("\n", 3)
    return RangeCommit(commit, subject.strip(), date, tuple(parents.split()))


def _apart(toplevel: Path, good: tuple[str, str], bad: tuple[str, str]) -> str:
    """Why no line leads from one commit to the other, with the range that one does lead along."""
    if ask(toplevel, "merge-base", "--is-ancestor", bad[1], good[1]).status == 0:
        return f"{good[0]} comes after {bad[0]}: turn the range around, {bad[0]}..{good[0]}"
    if ask(toplevel, "rev-parse", "--is-shallow-repository").output.strip() == "true":
        return (
            f"this clone is shallow, and what lies between {good[0]} and {bad[0]} is cut off: git fetch --unshallow; "
            "in a CI job, check out with the history (actions/checkout: fetch-depth: 0)"
        )
    base = ask(toplevel, "merge-base", good[1], bad[1]).output.strip()
    if not base:
        return f"{good[0]} and {bad[0]} have no history in common; name a range of one line of commits"
    if base == good[1]:
        onto = ask(toplevel, "rev-list", "--first-parent", "--reverse", f"{good[1]}..{bad[1]}").output.split()
        start = ask(toplevel, "rev-parse", f"{onto[0]}^1").output.strip()[:10] if onto else base[:10]
        return f"{good[0]} came into {bad[0]} by a merge: search along its first parents, {start}..{bad[0]}"
    return f"{good[0]} is not among what {bad[0]} is made of; both have {base[:10]} in common: {base[:10]}..{bad[0]}"


def brought_by(root: Path, merge: RangeCommit) -> str:
    """What a merge brought from its second parent, as a range from where both lines parted; empty if there is none."""
    if not merge.is_merge:
        return ""
    parted = ask(root, "merge-base", *merge.parents[:2])
    base = parted.output.strip()
    return f"{base[:10]}..{merge.parents[1][:10]}" if parted.status == 0 and base else ""


def split_range(text: str) -> tuple[str, str]:
    """Both ends of ``GOOD..BAD``; ``GOOD..`` ends at HEAD. UsageError for anything else."""
    good, dots, bad = text.partition("..")
    if not (good and dots) or bad.startswith(".") or ".." in bad:
        raise UsageError(f"{text!r} is no range; write GOOD..BAD, as in v1.2..HEAD")
    return good, bad or "HEAD"
