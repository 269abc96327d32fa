"""The A/A trial of somebody's own tests: a session of theirs, with the same code on both sides."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError

#: Lines of a session that left no results, where none of them begins with ERROR.
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure: ``tests`` as pytest takes them, with its ``options``, in so many pairs and seconds at most."""

    tests: tuple[str, ...]
    options: tuple[str, ...]
    pairs: int
    allowed_s: float


def command(asked: Asked, results: Path) -> list[str]:
    """The session: the code in this very interpreter is compared with that in this very interpreter."""
    own = [
        f"--modelbench-against-python={sys.executable}",
        f"--modelbench-pairs={asked.pairs}",
        f"--modelbench-budget={max(1, round(asked.allowed_s))}s",
        f"--modelbench-json={results}",
    ]
    # Whole node ids are meant, whatever suite they are in.
    own += ["--modelbench-suite=all"] if all("::" in test for test in asked.tests) else []
    return [
        sys.executable,
        "-m",
        "pytest",
        "--modelbench",
        "-p",
        "no:cacheprovider",
        *own,
        *asked.options,
        *asked.tests,
    ]


def measure(asked: Asked, results: Path) -> str:
    """Run the session, which leaves ``results``: its own words on why there is nothing in them, if that is so.

    Ctrl-C ends it, and it leaves what it has. Raises UsageError, before anything runs, for a path that is not there,
    and with the session's own words if it leaves no results.
    """
    for test in asked.tests:
        path = test.partition("::")[0]
        if not Path(path).exists():
            raise UsageError(f"there is no {path}; name a folder, a file or a test as pytest takes it")
    with subprocess.Popen(
        command(asked, results),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Ctrl-C reaches it once, from here, whoever of the two it was sent to.
        start_new_session=True,
    ) as session:
        try:
            why = _why(session.communicate()[0])
        except KeyboardInterrupt:
            session.send_signal(signal.SIGINT)  # it writes what it has, and ends
            session.communicate()
            why = "interrupted before anything was told"
    if not results.exists():
        raise UsageError(why)
    return why


def _why(said: str) -> str:
    """What a session said that left no results."""
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    if errors:
        return "\n".join(errors)
    told = [re.sub(r"^E +", "", line) for line in lines if line.startswith("E  ")]
    told = told or lines[-_LAST_LINES:]
    return "the tests could not be measured:\n" + "\n".join(told)
