"""Events and jobs as lines of JSON, whole or refused."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from pytest_modelbench.core.errors import MeasureError, ModelbenchError
from pytest_modelbench.core.plain import plain
from pytest_modelbench.workers.events import Event
from pytest_modelbench.workers.job import Code, Job, Site

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class Channel:
    """The worker's end of the event pipe. Each event is written whole before the next."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._process = os.getpid()
        # A process that a test starts must not hold the pipe open after the worker died.
        os.set_inheritable(descriptor, False)

    def send(self, event: Event) -> None:
        """Write one event; MeasureError in a process that a test has forked."""
        if os.getpid() != self._process:
            raise MeasureError(
                "a process that a test has forked records nothing: it is not the one that was made ready for "
                "measuring. Hand the value to the test, and record it there"
            )
        data = memoryview(encode(event))
        while data:
            data = data[os.write(self._descriptor, data) :]


class Lines:
    """Bytes put together into events, however they were cut on the way."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []  # of the line that is not complete yet: joined once, as it may be long

    def feed(self, data: bytes) -> Iterator[Event]:
        """Every event that is complete with ``data``, one by one; ValueError at the first that is none."""
        first, *others = data.split(b"\n")
        self._begun.append(first)
        for following in others:
            line, self._begun = b"".join(self._begun), [following]
            yield decode(line)


def encode(event: Event) -> bytes:
    """``event`` as one line, as `decode` takes it."""
    # ASCII only, so that a lone surrogate in a test's output cannot break the encoding of the line.
    return json.dumps(plain(event), ensure_ascii=True).encode() + b"\n"


def decode(line: bytes) -> Event:
    """The event that ``line`` holds, checked down to its last field; ValueError if it holds none."""
    try:
        return _events().validate_json(line)
    except ModelbenchError as error:
        raise ValueError(str(error)) from None
    except ValueError as error:
        # pydantic's own message fills a screen; its first flaw and the line's beginning tell enough.
        details = getattr(error, "errors", None)
        flaw = details(include_url=False)[0] if details else {"loc": (), "msg": str(error)}
        where = ".".join(map(str, flaw["loc"]))
        raise ValueError(f"{where + ': ' if where else ''}{flaw['msg']} in {line[:80]!r}") from None


@functools.cache
def _events() -> TypeAdapter[Event]:
    # Late: workers write events and never read one.
    from pydantic import ConfigDict, Field, TypeAdapter

    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    return TypeAdapter(Annotated[Event, Field(discriminator="kind")], config=config)


def job_line(job: Job, site: Site) -> bytes:
    """What a worker is told, as one line, as `read_job` takes it."""
    return json.dumps({"job": plain(job), "site": asdict(site)}, ensure_ascii=True).encode() + b"\n"


def read_job(line: bytes) -> tuple[Job, Site]:
    """What `job_line` wrote."""
    content = json.loads(line)
    job = content["job"]
    return Job(**{**job, "code": Code(**job["code"])}), Site(**content["site"])
