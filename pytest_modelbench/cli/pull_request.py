"""Comments on a pull request, by GitHub's REST API: one is found again by what it begins with, and updated."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn

from pytest_modelbench.core.errors import ServiceError, UsageError
from pytest_modelbench.core.printable import printable

_TIMEOUT_S = 30.0
_A_PAGE, _MOST_PAGES = 100, 100
_MOST_TOLD = 300
_PERMISSION = (
    "the token may not write comments: the job needs `permissions: pull-requests: write`; the token of a pull request "
    "from a fork may only read, whatever the job says (docs/ci.md has the way out)"
)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request, where its API is, and who asks. The token is in nothing that is shown."""

    api: str
    repository: str
    number: int
    token: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


def pull_request_of(variables: Mapping[str, str], number: int | None) -> PullRequest:
    """The one that a job runs for, by its environment ``variables``, or ``number``; UsageError if that is not told."""
    token = variables.get("GITHUB_TOKEN", "").strip()
    if not token:
        raise UsageError("--post needs a token in GITHUB_TOKEN; in a job: env: GITHUB_TOKEN: ${{ github.token }}")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UsageError("--post: what is in GITHUB_TOKEN is not a token: it has spaces, or signs that no token has")
    repository = variables.get("GITHUB_REPOSITORY", "")
    if repository.count("/") != 1 or not all(part and part not in (".", "..") for part in repository.split("/")):
        raise UsageError(f"--post needs the repository in GITHUB_REPOSITORY, as owner/name; it has {repository!r}")
    api = variables.get("GITHUB_API_URL") or "https://api.github.com"
    if not api.startswith(("https://", "http://")):
        raise UsageError(f"--post: GITHUB_API_URL is {api!r}, which is no address of an API")
    return PullRequest(api.rstrip("/"), repository, number or _number(variables.get("GITHUB_EVENT_PATH", "")), token)


def _number(event_path: str) -> int:
    """The pull request that the event of a job is about."""
    remedy = "name it with --pull-request N"
    if not event_path:
        raise UsageError(f"--post: which pull request is not known, as GITHUB_EVENT_PATH is not set; {remedy}")
    try:
        event = json.loads(Path(event_path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"--post: the event in {event_path} cannot be read ({error}); {remedy}") from None
    for way in (("pull_request", "number"), ("workflow_run", "pull_requests", 0, "number"), ("issue", "number")):
        found = _at(event, way)
        if way[0] == "issue" and _at(event, ("issue", "pull_request")) is None:
            continue
        if isinstance(found, int) and not isinstance(found, bool) and found > 0:
            return found
    raise UsageError(f"--post: this job does not run for a pull request; {remedy}")


def _at(value: Any, way: tuple[str | int, ...]) -> Any:
    """What stands in ``value`` at the end of ``way``; None where that leads nowhere."""
    try:
        for step in way:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return None
    return value


def post(where: PullRequest, marker: str, body: str) -> str:
    """The address of the comment with ``body``: our own that begins with ``marker``, updated, or else a new one.

    Raises ServiceError, which says what GitHub says and which permission is missing.
    """
    mine = next((one for one in _own_comments(where) if str(one.get("body", "")).startswith(marker)), None)
    if mine is not None and isinstance(mine.get("id"), int):
        done = _asked(where, "PATCH", f"/repos/{where.repository}/issues/comments/{mine['id']}", {"body": body})
    else:
        done = _asked(where, "POST", f"/repos/{where.repository}/issues/{where.number}/comments", {"body": body})
    address = done.get("html_url") if isinstance(done, dict) else None
    return printable(address) if isinstance(address, str) else str(where)


def _own_comments(where: PullRequest) -> Iterator[dict[str, Any]]:
    """Comments that the owner of the token has written, the oldest first: others' words stay theirs.

    A comment that somebody else began with our mark could be changed by them after we wrote into it.
    """
    login = _login(where)
    for page in range(1, _MOST_PAGES + 1):
        path = f"/repos/{where.repository}/issues/{where.number}/comments?per_page={_A_PAGE}&page={page}"
        comments = _asked(where, "GET", path)
        if not isinstance(comments, list):
            raise ServiceError(f"{where}: GitHub does not list its comments; look at GITHUB_API_URL")
        for one in comments:
            if isinstance(one, dict) and (
                _at(one, ("user", "login")) == login if login else _at(one, ("user", "type")) == "Bot"
            ):
                yield one
        if len(comments) < _A_PAGE:
            return


def _login(where: PullRequest) -> str:
    """Whose the token is; empty for an app's, as that of a job is, which may not ask."""
    try:
        found = _at(_asked(where, "GET", "/user"), ("login",))
    except _RefusedError:
        return ""
    return found if isinstance(found, str) else ""


class _RefusedError(ServiceError):
    """GitHub knows the token, and does not let it do this."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the token would go along to wherever an answer leads."""

    def redirect_request(self, *_: Any) -> None:
        """None: the answer that leads elsewhere is an error."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def _asked(where: PullRequest, method: str, path: str, content: Mapping[str, str] | None = None) -> Any:
    """What the API answers, from JSON."""
    headers = {
        "Authorization": f"Bearer {where.token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "pytest-modelbench",
    }
    data = None if content is None else json.dumps(content).encode()
    if data is not None:
        headers["Content-Type"] = "application/json"
    try:
        request = urllib.request.Request(where.api + path, data, headers, method=method)
        with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        _raise(where, error)
    except (OSError, HTTPException) as error:
        raise ServiceError(
            f"{where}: GitHub at {where.api} is out of reach: {_told(error)}; run the same again later"
        ) from None
    except (ValueError, RecursionError):
        raise ServiceError(
            f"{where}: what answers at {where.api} is not GitHub's API; look at GITHUB_API_URL"
        ) from None


def _told(error: OSError | HTTPException) -> str:
    return printable(str(getattr(error, "reason", "") or error or type(error).__name__))[:_MOST_TOLD]


def _raise(where: PullRequest, error: urllib.error.HTTPError) -> NoReturn:
    """Raise what an answer that is no success means."""
    try:
        said = _at(json.loads(error.read()), ("message",))
    except (OSError, HTTPException, ValueError, RecursionError):
        said = None
    told = f"{where}: GitHub says {error.code}" + (
        f" ({printable(said)[:_MOST_TOLD]})" if isinstance(said, str) and said else ""
    )
    if error.code == 401:
        raise ServiceError(f"{told}: the token in GITHUB_TOKEN is not valid, or no longer")
    if error.code == 429 or error.headers.get("Retry-After") or error.headers.get("X-RateLimit-Remaining") == "0":
        raise ServiceError(f"{told}: it was asked too often; run the same again later")
    if error.code == 403:
        raise _RefusedError(f"{told}: {_PERMISSION}")
    if error.code == 404:
        raise ServiceError(f"{told}: there is no such pull request, or the token may not see it; {_PERMISSION}")
    if 300 <= error.code < 400:
        raise ServiceError(f"{told}: the repository has moved; correct GITHUB_REPOSITORY or GITHUB_API_URL")
    raise ServiceError(f"{told}; run the same again later")
