"""Where a repository is kept, and what it calls its main branch: by its remotes, and by what lies in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import ask


class Host(str, Enum):
    """Whose workflows a repository has."""

    GITHUB = "github"
    GITLAB = "gitlab"


#: What lies at the top of a repository that is kept there.
_SIGNS = {Host.GITHUB: (".github",), Host.GITLAB: (".gitlab-ci.yml", ".gitlab")}
#: Names of main branches, where no remote tells one.
_USUAL = ("main", "master", "trunk", "develop")
_REMOTE = re.compile(r"remote\.(?P<name>.+)\.url (?P<url>.+)")
_HOST_OF_URL = re.compile(r"(?:[a-z+]+://)?(?:[^@/]*@)?(?P<host>[^:/]+)")


@dataclass(frozen=True, slots=True)
class Hosting:
    """The hosts of a repository, how each is known, and its main branch."""

    hosts: Mapping[Host, str]
    branch: str


def hosting(top: Path) -> Hosting:
    """The hosting of the repository at ``top``; ``main`` where nothing tells a branch, or git is not there."""
    found = {
        host: f"{sign} is there" for host, signs in _SIGNS.items() for sign in reversed(signs) if (top / sign).exists()
    }
    try:
        found.update(_of_remotes(ask(top, "config", "--get-regexp", r"^remote\..*\.url$").output.splitlines()))
        return Hosting(found, _branch(top))
    except UsageError:  # no git
        return Hosting(found, _USUAL[0])


def _of_remotes(lines: Iterable[str]) -> dict[Host, str]:
    """Hosts by git's remotes; nothing of an address is told, which may hold a password."""
    found = {}
    for line in lines:
        if told := _REMOTE.fullmatch(line):
            name = _HOST_OF_URL.match(told["url"])
            for host in Host:
                if name and host.value in name["host"].lower():
                    found[host] = f"the remote {told['name']}"
    return found


def _branch(top: Path) -> str:
    head = ask(top, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    if head.status == 0 and "/" in head.output:
        return head.output.strip().split("/", 1)[1]
    listed = ask(top, "for-each-ref", "--format=%(refname:short)", "refs/heads").output.split()
    for name in _USUAL:
        if name in listed:
            return name
    current = ask(top, "symbolic-ref", "--quiet", "--short", "HEAD")
    return current.output.strip() or _USUAL[0]
