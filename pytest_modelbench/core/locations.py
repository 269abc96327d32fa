"""How people write where a history is kept: a folder, a branch of git, or a URL."""

from __future__ import annotations

import re

from pytest_modelbench.core.errors import UsageError

#: How a branch of git is written: ``git:modelbench-history``.
BRANCH = "git:"
#: ``s3://...``, and what fsspec chains: ``simplecache::s3://...``.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::|://)")
#: A scheme without its slashes. One letter would be a drive.
_LIKE_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?!//|:)")
#: Who asks, with or without a password, also behind half a URL; and values of a query, which may be signatures.
_USER = re.compile(r"(://|^[A-Za-z][A-Za-z0-9+.-]+:/?)[^/\s]*@")
_QUERY = re.compile(r"(://[^\s?#]*[?#])([^\s'\"<>]*)")
_VALUE = re.compile(r"=[^&;]*|^[^=&;]+$")
#: What git refuses in the name of a branch (git-check-ref-format).
_NO_BRANCH = re.compile(
    r"""^[-/.] | [\x00-\x20\x7f~^:?*\[\\] | \.\. | @\{ | // | /\. | \.lock(/|$) | [/.]$ | ^@?$""", re.X
)


def is_branch(location: str) -> bool:
    """Whether ``location`` is a branch of git."""
    return location.startswith(BRANCH)


def is_url(location: str) -> bool:
    """Whether ``location`` is a URL."""
    return _URL.match(location) is not None


def is_folder(location: str) -> bool:
    """Whether ``location`` is the path of a folder."""
    return not (is_branch(location) or is_url(location))


def without_secret(text: str) -> str:
    """``text``, a location or a message, as it may be printed: URLs without who asks and the values of queries."""
    return _QUERY.sub(lambda found: found[1] + _VALUE.sub(_hidden, found[2]), _USER.sub(r"\1...@", text))


def _hidden(value: re.Match[str]) -> str:
    return "=..." if value[0].startswith("=") else "..."


def check_location(location: str, where: str) -> str:
    """``location``; UsageError that begins with ``where`` for one that cannot be meant."""
    if is_branch(location):
        if _NO_BRANCH.search(location.removeprefix(BRANCH)):
            told = without_secret(location)
            raise UsageError(f"{where}: {told!r} names no branch of git; write for example git:modelbench-history")
    elif not is_url(location) and _LIKE_URL.match(location):
        told = without_secret(location)
        raise UsageError(
            f"{where}: {told!r} begins like a URL and is none; write for example s3://bucket/folder, "
            f"git:modelbench-history, or for a folder of that name ./{told}"
        )
    return location
