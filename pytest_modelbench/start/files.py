"""The files that a project's gate begins with: what each is to hold, and what becomes of one that is there."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.places import told_path
from pytest_modelbench.start.filling import fill
from pytest_modelbench.start.hosts import Host
from pytest_modelbench.start.seen import Seen, import_folder, is_plain_path, to_be_installed
from pytest_modelbench.start.settings import check_readable, with_lines
from pytest_modelbench.store.atomic import make_folder, write_atomically

#: What the workflows and the commands of the documentation write, and no repository wants.
IGNORED = ("/modelbench-*.json", "/modelbench-*.html", "/modelbench-history/")
#: A test of more is not what anybody reads, or waits for.
MOST_MODELS = 12
#: Where a project has no model of its own: small, and built in a moment.
EXAMPLE = "resnet18"
#: The entry by which GitLab takes our jobs, as people write it.
_INCLUDED = re.compile(
    r"""(^include\s*: | ^\s*- | \blocal\s*: | [\[,])\s* (["']?) /?\.gitlab/modelbench\.yml \2 \s*([,\]}]|$)""",
    re.X | re.M,
)


class Fate(Enum):
    """What becomes of a file."""

    NEW = "new"
    ADDED = "lines are added at its end"
    SAME = "has it all already"
    LEFT = "is there, and is left as it is"


@dataclass(frozen=True, slots=True)
class Planned:
    """A file, what becomes of it, ``shown`` of it, and the whole ``text`` that it will have; None: it is not written.

    ``merge``: what to do by hand about one that is left.
    """

    path: Path
    fate: Fate
    shown: str = ""
    text: str | None = None
    merge: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Files in the order in which they are shown, and the command to run next."""

    files: tuple[Planned, ...]
    models: tuple[str, ...]
    left_out: tuple[str, ...]  #: models that were found, and are too many
    example: bool
    next: str


def plan(seen: Seen, models: Sequence[str], hosts: Iterable[Host]) -> Plan:
    """What `write` is to do for ``models``, or for those that were seen, and the workflows of ``hosts``.

    UsageError for a file that cannot be read, or whose place something else has.
    """
    found = list(models) or [one.reference for one in seen.models]
    chosen = found if models else found[:MOST_MODELS]
    example = not chosen
    folder, baselines, branch = import_folder(seen, chosen), seen.settings.baselines, seen.hosting.branch
    if not is_plain_path(folder):
        raise UsageError(f"no test can be written of modules in a folder of this name: {folder!r}; rename it")
    prefix = f"PYTHONPATH={shlex.quote(folder)} " if folder else ""
    values = {
        "models": chosen or [EXAMPLE],
        "example": example,
        # What is more than a name would be code where it goes.
        "baselines": baselines if is_plain_path(baselines) else "",
        "prefix": prefix,
        "branch": branch if is_plain_path(branch) else "",
    }
    files = [
        _settings(seen),
        _new(seen.tests, fill("test_modelbench.py.j2", **values), "copy from it what you want to have"),
        _ignored(seen),
    ]
    hosts = list(hosts)
    tests = told_path(seen.tests, seen.folder)
    for name in (seen.below, baselines, tests) if hosts else ():
        if not is_plain_path(name):
            raise UsageError(f"no workflow can be written for a folder of this name: {name!r}; take --ci none")
    values |= {
        "folder": seen.below,
        "below": f"{seen.below}/" if seen.below else "",
        "install": seen.installation.command,
        "python": seen.installation.python,
        "tests": shlex.quote(tests),
    }
    for host in hosts:
        files += _github(seen, values) if host is Host.GITHUB else _gitlab(seen, values)
    command = f"{prefix}pytest --modelbench --update-baselines {shlex.quote(tests)}"
    if to_be_installed(seen, chosen):
        command = f"pip install -e . && {command}"
    return Plan(tuple(files), tuple(chosen or [EXAMPLE]), tuple(found[len(chosen) :]), example, command)


def write(plan: Plan) -> None:
    """Write what is new or longer; nothing at all, and UsageError, if one of the files cannot be written.

    One that another process wrote since it was planned is left to it, also by UsageError.
    """
    written = [one for one in plan.files if one.text is not None]
    for one in written:
        _check_place(one.path)
        _check_planned(one)
    for one in written:
        make_folder(one.path.parent)
        if one.fate is Fate.NEW:
            _write_new(one)
        else:
            _check_planned(one)
            write_atomically(one.path, one.text or "")


def _check_planned(one: Planned) -> None:
    """Raise UsageError where the file is not as it was planned for."""
    if os.path.lexists(one.path) if one.fate is Fate.NEW else with_lines(one.path, one.shown) != one.text:
        raise _changed(one.path)


def _write_new(one: Planned) -> None:
    try:
        with one.path.open("x", encoding="utf-8", newline="") as file:
            file.write(one.text or "")
    except FileExistsError:
        raise _changed(one.path) from None
    except OSError as error:
        raise UsageError(f"{one.path}: cannot be written: {error.strerror or error}; make room for it") from error


def _changed(path: Path) -> UsageError:
    return UsageError(f"{path}: another process wrote it meanwhile, and it is left as it is; run the same again")


def _settings(seen: Seen) -> Planned:
    path, lines = seen.settings.path, seen.settings.lines()
    if not lines:
        return Planned(path, Fate.SAME)
    text = with_lines(path, lines)
    with tempfile.TemporaryDirectory() as scratch:
        check_readable(path, text, Path(scratch))
    return Planned(path, Fate.ADDED if path.exists() else Fate.NEW, lines, text)


def _ignored(seen: Seen) -> Planned:
    path = seen.folder / ".gitignore"
    _check_file(path)
    there = {line.strip() for line in with_lines(path, "").splitlines()}
    missing = [line for line in IGNORED if line not in there]
    if not missing:
        return Planned(path, Fate.SAME)
    lines = "".join(f"{line}\n" for line in missing)
    return Planned(path, Fate.ADDED if path.exists() else Fate.NEW, lines, with_lines(path, lines))


def _github(seen: Seen, values: dict[str, object]) -> list[Planned]:
    folder = seen.top / ".github" / "workflows"
    return [
        _new(folder / f"modelbench-{name}.yml", fill(f"github-{name}.yml.j2", **values), "copy from it what you want")
        for name in ("nightly", "pull-request")
    ]


def _gitlab(seen: Seen, values: dict[str, object]) -> list[Planned]:
    jobs, top = seen.top / ".gitlab" / "modelbench.yml", seen.top / ".gitlab-ci.yml"
    include = fill("gitlab-ci.yml.j2", include=f"/{jobs.relative_to(seen.top).as_posix()}")
    files = [_new(jobs, fill("gitlab.yml.j2", **values), "copy from it what you want")]
    if top.is_file() and _INCLUDED.search(_included(top.read_text(encoding="utf-8", errors="replace"))):
        return [*files, Planned(top, Fate.SAME)]
    return [*files, _new(top, include, "add these lines to it, or this entry to its include")]


def _included(text: str) -> str:
    """What stands under ``include`` in ``text`` of GitLab's, without comments."""
    lines, inside = [], False
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if line and line[0] not in " \t-":
            inside = re.match(r"include\s*:", line) is not None
        if inside:
            lines.append(line)
    return "\n".join(lines)


def _new(path: Path, text: str, merge: str) -> Planned:
    if not os.path.lexists(path):
        return Planned(path, Fate.NEW, text, text)
    try:
        same = path.read_bytes() == text.encode("utf-8")
    except OSError:
        same = False  # a folder, a link that leads nowhere, or nothing that we may read: it is somebody's
    return Planned(path, Fate.SAME) if same else Planned(path, Fate.LEFT, text, merge=merge)


def _check_file(path: Path) -> None:
    if os.path.lexists(path) and not path.is_file():
        raise UsageError(f"{path}: is no file; move it away")


def _check_place(path: Path) -> None:
    """Raise UsageError where no file can be written at ``path``."""
    _check_file(path)
    above = next(one for one in path.parents if os.path.lexists(one))
    if not above.is_dir():
        raise UsageError(f"{path}: cannot be written, as {above} is no folder; move it away. Nothing was written")
    place = path if path.exists() else above
    if not os.access(place, os.W_OK):
        raise UsageError(f"{path}: cannot be written, as {place} is not writable; make it so. Nothing was written")
