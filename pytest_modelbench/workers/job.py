"""What a worker is told: the job, which any machine could do, and where on its own machine the code lies.

A job names code by reference. Whoever starts the worker, on this machine or on another, knows where that code is there,
and says so in a `Site`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Code:
    """Which code: that of ``revision``, a full commit id, or the working tree's where that is empty.

    ``folder`` is where pytest's root directory lies in the repository.
    """

    revision: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker has to do: run ``tests`` in that order, as process number ``process`` of the session."""

    code: Code
    tests: Sequence[str]
    process: int
    options: Mapping[str, Any] = field(default_factory=dict)  #: of the controller's command line, by destination
    settings: Mapping[str, Any] = field(default_factory=dict)
    best_reference_s: float | None = None  #: the reference's best time per call so far, if any process told
    paired: bool = False  #: ask before each test and sample
    placing: bool = False  #: say where in the models the time goes
    handed: Mapping[str, Any] = field(default_factory=dict)  #: by plugins, to their part in a worker
    cores: Sequence[int] = field(default_factory=list)  #: to measure on, if it is the CPU's; empty: the worker chooses
    enough: Mapping[str, str] = field(default_factory=dict)  #: `core.blocks.Enough`, by test, where fewer are asked for


@dataclass(frozen=True, slots=True)
class Site:
    """Where a worker's code lies on its machine, and how pytest is started on it."""

    arguments: Sequence[str]  #: of pytest
    import_path: Sequence[str] = ()  #: in place of the worker's own,
    import_more: bool = False  #: or before it
    home: str = ""  #: of a pair: where the session was started,
    own_root: str = ""  #: the top of the repository that holds this process's code,
    other_root: str = ""  #: and of the one that holds the other's,
    packages: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: see `workers.projects.packages`,
    projects: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: see `workers.projects.distributions`,
    repository: str = ""  #: and where the user's own tree is, as seen from where the session was started
    argv: Sequence[str] = ()  #: what the controller was called with
    worker: str = "modelbench"  #: which of the processes alive at once: for names of databases and the like
    session: str = ""  #: the same in all processes of a session
