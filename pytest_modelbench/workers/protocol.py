"""What controller and worker say to each other: JSON, one message a line, over two pipes.

The controller writes one `Job` to the control pipe and keeps it open: its end of file tells the worker that the
controller is gone. The worker writes messages to the event pipe: ``hello``, ``start``, ``record``, ``report``,
``warning``, ``finish``, ``fatal``, ``done``. In a duet it also asks, ``begin``, ``ready`` and ``sample``, and waits for
the controller to answer by a word on a line of its own: see `workers.turns`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_modelbench.core.environment import Environment

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker has to do: run ``tests`` in that order, as process number ``process`` of the session."""

    arguments: Sequence[str]  #: of pytest
    options: Mapping[str, Any]  #: values of the controller's command line, by destination
    settings: Mapping[str, Any]
    tests: Sequence[str]
    process: int
    import_path: Sequence[str] = field(default_factory=list)  #: in place of the worker's own,
    import_more: bool = False  #: or before it
    calm_s: float | None = None  #: the reference's time per call at its fastest so far, if any process told
    duet: bool = False  #: ask before each test and sample
    home: str = ""  #: where the session was started,
    own_root: str = ""  #: of a duet: where this twin's code is,
    other_root: str = ""  #: where its twin's is,
    packages: Sequence[str] = field(default_factory=list)  #: and which packages belong to that code

    def to_line(self) -> bytes:
        """The job as one line, as `from_line` takes it."""
        return _line(asdict(self))

    @classmethod
    def from_line(cls, line: bytes) -> Job:
        """The job that `to_line` wrote."""
        return cls(**json.loads(line))


class Channel:
    """The worker's end of the event pipe. Each message is written whole before the next."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # A process that a test starts must not hold the pipe open after the worker died.
        os.set_inheritable(descriptor, False)

    def send(self, kind: str, **content: Any) -> None:
        """Write one message; values must be plain."""
        data = memoryview(_line({"kind": kind, **content}))
        while data:
            data = data[os.write(self._descriptor, data) :]


class Lines:
    """Bytes put together into messages, however they were cut on the way."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Every message that is complete with ``data``; ValueError for what is none."""
        *complete, self._rest = (self._rest + data).split(b"\n")
        for line in complete:
            message = json.loads(line)
            if not isinstance(message, dict) or "kind" not in message:
                raise ValueError(f"not a message: {line[:80]!r}")
            yield message


def environment_to_json(environment: Environment) -> dict[str, Any]:
    """Plain values, as `environment_from_json` takes them."""
    return {
        "kind": environment.kind,
        "name": environment.name,
        "slug": environment.slug,
        "identity": dict(environment.identity),
        "provenance": dict(environment.provenance),
    }


def environment_from_json(data: Mapping[str, Any]) -> Environment:
    """The environment that `environment_to_json` wrote."""
    return Environment(**data)


def _line(content: Mapping[str, Any]) -> bytes:
    # ASCII only, so that a lone surrogate in a test's output cannot break the encoding of the line.
    return json.dumps(content, ensure_ascii=True).encode() + b"\n"
