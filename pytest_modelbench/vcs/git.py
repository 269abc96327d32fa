"""Git asked and told: what the sources were when a session ran, and what other revisions are made of."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.locations import without_secret
from pytest_modelbench.core.session import Stamp
from pytest_modelbench.host.groups import end_group
from pytest_modelbench.host.interrupts import interruptible
from pytest_modelbench.vcs.kinds import code_among, is_ours, written_by_us

#: A repository on a dead network mount must not hold up a session.
QUERY_S = 20.0
#: What a git hook tells of the repository it runs for, which need not be the one asked here: `git rev-parse
#: --local-env-vars`, and how pathspecs are read. Configuration given by variables stays: it may hold safe.directory.
_FOREIGN = frozenset(
    {
        *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_DIR", "GIT_GRAFT_FILE"),
        *("GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE", "GIT_PREFIX"),
        *("GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE"),
        *("GIT_SHALLOW_FILE", "GIT_WORK_TREE"),
        *("GIT_GLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_LITERAL_PATHSPECS", "GIT_NOGLOB_PATHSPECS"),
    }
)
_ADDED = {
    # Looking must not write: git would refresh the index of the user's repository.
    "GIT_OPTIONAL_LOCKS": "0",
    # Nobody is there to type a password.
    "GIT_TERMINAL_PROMPT": "0",
}
_CONFIGURED = (
    f"core.hooksPath={os.devnull}",
    # It would start a daemon for a folder that is about to be removed, in the middle of a measurement.
    "core.fsmonitor=false",
    "maintenance.auto=false",
    # Otherwise `git worktree add` may write an extension into the repository's configuration.
    "worktree.useRelativePaths=false",
)


class GitError(UsageError):
    """A git command that had to succeed did not. The message has all that git said, but for passwords of remotes."""

    def __init__(self, message: str) -> None:
        super().__init__(without_secret(message))


@dataclass(frozen=True, slots=True)
class Answer:
    """How a git command ended. ``output`` holds file names as `os.fsdecode` gives them."""

    status: int
    output: str
    error: str


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """How a git command ended, its output as it came."""

    status: int
    output: bytes
    error: str


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that ``root`` lies in. ``prefix`` is where ``root`` lies below ``toplevel``."""

    root: Path
    toplevel: Path
    prefix: Path
    common_dir: Path

    def relative(self, path: Path) -> Path | None:
        """``path`` as seen from the top of the repository, or None if it lies outside.

        Links within the repository are kept: data -> /mnt/data is a path of the repository.
        """
        absolute = Path(os.path.abspath(path))
        if absolute.is_relative_to(self.root):
            return self.prefix / absolute.relative_to(self.root)
        for known in (absolute, path.resolve()):
            if known.is_relative_to(self.toplevel):
                return known.relative_to(self.toplevel)
        return None


def stamp(root: Path) -> Stamp:
    """Time and git state now, as `sources` has it."""
    return sources(root)[0]


def sources(root: Path) -> tuple[Stamp, Sequence[str]]:
    """Time and git state now, and warnings: why git cannot tell it, with the way out.

    Outside of a repository there is the time alone, and nothing to say; in one that has no commit yet, all is
    uncommitted. In one that git does not read there is no commit, and that is said: what is accepted then can never be
    confirmed beside its commit.
    """
    # To the millisecond: sessions are known by it, and two may begin in one second.
    started = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    commit = None
    try:
        if not _versioned(root):
            return Stamp(started), ()
        toplevel = repository(root).toplevel
        head = ask(root, "rev-parse", "--verify", "--quiet", "HEAD")
        if head.status != 0:
            # Nothing is committed yet, or what HEAD names is gone, of which git then speaks.
            git(root, "status", "--porcelain", "--untracked-files=no", doing=f"looking for the commit of {toplevel}")
            return Stamp(started, dirty=True), ()
        commit = head.output.strip()
        return Stamp(started, commit, changed(toplevel)), ()
    except UsageError as error:
        # In doubt it is dirty: a duet beside a commit whose code was another would clear what it should not.
        return Stamp(started, commit, bool(commit)), [_untold(root, str(error))]


def _untold(root: Path, trouble: str) -> str:
    """Why the commit of the sources is not known, with the command that mends it."""
    way_out = ""
    if "dubious ownership" in trouble and "safe.directory" not in trouble:
        way_out = f"\ngit config --global --add safe.directory {shlex.quote(str(root))}"
    elif "not a git repository" in trouble:
        way_out = f"\ngit -C {shlex.quote(str(root))} status says the same; git worktree repair, in the repository "
        way_out += "that a moved worktree belongs to, or a fresh clone mends it"
    return (
        f"the state of the sources in git is not known, so no duet can confirm what is accepted now: {trouble}{way_out}"
    )


def _versioned(root: Path) -> bool:
    """Whether ``root`` lies in what was meant to be a repository, whatever git makes of it."""
    real = root.resolve()
    return any((folder / ".git").exists() for folder in (real, *real.parents)) or (
        shutil.which("git") is not None and ask(root, "rev-parse", "--git-dir").status == 0
    )


def repository(root: Path) -> Repository:
    """The repository that ``root`` lies in; UsageError if there is none that git would use."""
    root = Path(os.path.abspath(root))
    doing = f"looking for the git repository of {root}"
    answer = ask(root, "rev-parse", "--show-toplevel")
    if answer.status != 0 and not any(
        (folder / ".git").exists() for folder in (root.resolve(), *root.resolve().parents)
    ):
        raise UsageError(f"{root} is not in a git repository, so there is no other revision to measure beside it")
    # Paths may hold anything but a zero byte: only the line end that git adds is taken off.
    toplevel = git(root, "rev-parse", "--show-toplevel", doing=doing).removesuffix("\n")
    prefix = git(root, "rev-parse", "--show-prefix", doing=doing).removesuffix("\n")
    common_dir = git(root, "rev-parse", "--git-common-dir", doing=doing).removesuffix("\n")
    return Repository(root, Path(toplevel), Path(prefix), (root / common_dir).resolve())


def changed(
    toplevel: Path, paths: Sequence[str] = (":(top)",), but: Callable[[str], bool] = lambda name: False
) -> bool:
    """Whether a working tree, or that of one of its submodules, may hold other code than the commit it is at.

    Below ``paths``, which are git's. Untracked files count if they may be code. Files of baselines and results, which
    this package itself writes, do not count wherever they lie: they tell of code and are none. Nor do changes of
    tracked files ``but`` says so of.
    """
    doing = f"looking for changes in {toplevel}"
    # Not `git diff`: it refreshes the user's index on the disk, even where it is told not to.
    options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=untracked")
    untracked = []
    for entry in entries(git(toplevel, "status", *options, "--", *paths, doing=doing)):
        name = entry[3:]
        if entry.startswith("??"):
            untracked.append(name)
        elif not (written_by_us(toplevel / name) or _was_ours(toplevel, name) or but(name)):
            return True
    if code_among(toplevel, untracked):
        return True
    for entry in entries(git(toplevel, "ls-files", "-z", "-v", "--stage", "--", *paths, doing=doing)):
        state, _, name = entry.partition("\t")
        tag, mode, *_ = state.split()
        place = toplevel / name
        # Marked assume-unchanged, or skip-worktree and there all the same: git does not look whether it changed.
        if tag.islower() or (tag == "S" and mode != "160000" and place.exists()):
            return True
        # What is untracked in a submodule is not seen from outside.
        if mode == "160000" and (place / ".git").exists() and changed(place):
            return True
    return False


def _was_ours(toplevel: Path, name: str) -> bool:
    """Whether ``name`` is gone and was a file of baselines or results: `prune` removes those that are empty."""
    if not name.endswith(".json") or (toplevel / name).exists():
        return False
    return is_ours(ask(toplevel, "cat-file", "blob", f"HEAD:{name}").output)


def entries(output: str) -> list[str]:
    """What git tells with ``-z``, one by one."""
    return [entry for entry in output.split("\0") if entry]


def git(
    root: Path,
    *arguments: str,
    doing: str,
    timeout_s: float = QUERY_S,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Output of a git command that has to succeed; else GitError: ``doing`` what, and all that git said."""
    answer = ask(root, *arguments, timeout_s=timeout_s, environment=environment)
    if answer.status != 0:
        raise GitError(
            f"{doing} failed: `{shlex.join(['git', *arguments])}` in {root} ended with exit status {answer.status}\n"
            f"{answer.error.strip()}"
        )
    return answer.output


def ask(
    root: Path, *arguments: str, timeout_s: float = QUERY_S, environment: Mapping[str, str] | None = None
) -> Answer:
    """How a git command ended, with no hooks run.

    UsageError if there is no git, or it takes longer than ``timeout_s``.
    """
    raw = ask_raw(root, *arguments, timeout_s=timeout_s, environment=environment)
    return Answer(raw.status, os.fsdecode(raw.output), raw.error)


def about_no_repository(variables: Mapping[str, str]) -> dict[str, str]:
    """``variables`` without those by which a hook of git tells which repository, index and working tree it is about."""
    return {name: value for name, value in variables.items() if name not in _FOREIGN}


def ask_raw(
    root: Path,
    *arguments: str,
    given: bytes = b"",
    timeout_s: float = QUERY_S,
    environment: Mapping[str, str] | None = None,
) -> RawAnswer:
    """How a git command ended that read ``given``, under the same rules."""
    options = [part for setting in _CONFIGURED for part in ("-c", setting)]
    try:
        return _run(
            ["git", "-C", str(root), *options, *arguments],
            {**about_no_repository(os.environ), **_ADDED, **(environment or {})},
            timeout_s,
            given,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"`{shlex.join(['git', *arguments])}` in {root} took longer than {timeout_s:.0f} s and was ended; run it "
            "by hand to see what it waits for"
        ) from error
    except OSError as error:
        raise UsageError(
            f"git cannot be started ({error.strerror or error}), and other revisions need it: install git, or "
            "put it on PATH"
        ) from error


def _run(command: list[str], environment: Mapping[str, str], timeout_s: float, given: bytes) -> RawAnswer:
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE if given else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Its own group, so that filters which it started end with it.
        start_new_session=True,
    ) as process:
        try:
            with interruptible():
                output, error = process.communicate(given or None, timeout=timeout_s)
        except BaseException:
            end_group(process)
            raise
    return RawAnswer(process.returncode, output, error.decode(errors="replace"))
