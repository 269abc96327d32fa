"""What a dead process's own output tells."""

from __future__ import annotations

import re

#: How much of it is worth showing.
TAIL_LINES = 15
#: Whose calls tell nothing of where a test was: pytest's own, and those of what it calls plugins with.
_RUNS_TESTS = re.compile(r'  File ".*[/\\](_pytest|pluggy)[/\\]')


def telling_part(output: str) -> str:
    """What of a dead process's output tells why: where Python was, if faulthandler said so, else the last lines."""
    lines = [line for line in output.strip().splitlines() if not line.startswith("Extension modules:")]
    where = [number for number, line in enumerate(lines) if line.startswith("Current thread")]
    if where:
        # faulthandler lists the innermost call first.
        calls = [line for line in lines[where[-1] :] if not _RUNS_TESTS.match(line)]
        return "\n".join(calls[:TAIL_LINES]).strip()
    return "\n".join(lines[-TAIL_LINES:]).strip()
