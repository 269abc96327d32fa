"""What happened to some files between a commit and the working tree, as git tells it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.history import Commit, History
from pytest_modelbench.vcs.git import ask, entries, repository

#: A message waits for it, and is useful without.
_PATIENCE_S = 5.0
#: What is older is counted up to here.
_MOST = 1000
_ENVIRONMENT = {
    # What a partial clone lacks is not fetched from its server.
    "GIT_NO_LAZY_FETCH": "1",
    # File names are names, whatever they look like.
    "GIT_LITERAL_PATHSPECS": "1",
}


def history(root: Path, commit: str, files: Iterable[Path]) -> History | None:
    """What happened to ``files`` since ``commit``; None if git cannot tell: there is none, or it lacks the commit.

    Files outside of the repository of ``root`` are left out; None if no other are left.
    """
    try:
        repo = repository(root)
        inside = (relative for file in files if (relative := repo.relative(file)) is not None)
        names = tuple(dict.fromkeys(relative.as_posix() for relative in inside))
        if not names:
            return None
        since = (f"{commit}..HEAD", "--", *names)
        head = _asked(repo.toplevel, "rev-parse", "--verify", "--quiet", "HEAD").strip()
        # What was changed and changed back is no change.
        touched = entries(_asked(repo.toplevel, "diff-tree", "-r", "-z", "--name-only", commit, "HEAD", "--", *names))
        log = ("-c", "log.showSignature=false", "log", f"--max-count={_MOST}", "-z", "--format=%h %s", *since)
        commits = [entry.partition(" ") for entry in entries(_asked(repo.toplevel, *log))] if touched else []
        # Not `git diff`: it refreshes the user's index on the disk, even where it is told not to.
        status = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *names)
        uncommitted = [entry[3:] for entry in entries(_asked(repo.toplevel, *status))]
    except UsageError:
        return None
    return History(
        commit,
        names,
        tuple(touched),
        tuple(Commit(short, subject) for short, _, subject in commits),
        tuple(uncommitted),
        same=head == commit,
    )


def _asked(toplevel: Path, *arguments: str) -> str:
    """Git's answer; UsageError if it has none."""
    answer = ask(toplevel, *arguments, timeout_s=_PATIENCE_S, environment=_ENVIRONMENT)
    if answer.status != 0:
        raise UsageError(answer.error.strip())
    return answer.output
