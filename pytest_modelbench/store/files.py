"""One baseline file, read so that it says one thing of each check, or tells which two."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.store.documents import read_text, shown
from pytest_modelbench.store.lineage import differing, heads
from pytest_modelbench.store.records import Records, check_sessions, records_of
from pytest_modelbench.store.schema import BASELINE, BaselineFile, Entry


def read_baseline_file(path: Path) -> tuple[BaselineFile, int]:
    """The file at ``path``, and the schema it is written in.

    Raises BaselineError naming file, record, value and the way out if anything is wrong.
    """
    records = records_of(path, read_text(path, BASELINE))
    file, contradictions = settled(records)
    for key, entries in contradictions.items():
        more = f", as of {len(contradictions) - 1} more" if len(contradictions) > 1 else ""
        command = f"pytest-modelbench merge-conflict {shlex.quote(str(path))}"
        raise BaselineError(
            f"{path}: two branches accepted another value of {key}{more}: {' and '.join(told(entries))}. "
            f"Settle it with `{command}` and --ours, --theirs or --measure"
        )
    check_sessions(path, file)
    return file, records.schema


def settled(records: Records) -> tuple[BaselineFile, Mapping[CheckKey, Sequence[Entry]]]:
    """What ``records`` say as one file, and the entries of each check of which they say several things."""
    file, contradictions = BaselineFile(records.environment, dict(records.sessions)), {}
    for key, entries in records.entries.items():
        left = entries if len(entries) == 1 else heads(entries)
        if len(left) > 1:
            contradictions[key] = left
        else:
            file.entries.setdefault(key.test, {})[key.name] = left[0]
    return file, contradictions


def told(entries: Sequence[Entry]) -> list[str]:
    """Each of ``entries``, which contradict, in words: value, session, and what else differs."""
    fields = differing(entries)
    texts = []
    for entry in entries:
        others = "".join(f", {name} {shown(getattr(entry, name))}" for name in fields if name != "unit")
        texts.append(f"{entry.value} {entry.unit} (accepted {entry.accepted}{others})")
    return texts
