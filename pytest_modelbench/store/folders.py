"""One baseline folder in memory: the entries of all its files, as values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.store.files import read_baseline_file
from pytest_modelbench.store.schema import BASELINE, BaselineFile, Entry


@dataclass(frozen=True, slots=True)
class BaselineFolder:
    """The files of one folder, and which file holds which key."""

    files: dict[Path, BaselineFile]
    places: dict[CheckKey, Path]
    outdated: set[Path] = field(default_factory=set)  #: those of an older schema than the one written

    def entry(self, key: CheckKey) -> Entry | None:
        """The entry of ``key``, or None."""
        path = self.places.get(key)
        return None if path is None else self.files[path].entries[key.test][key.name]

    def commits_of_times(self) -> Iterator[tuple[str, str | None]]:
        """The test and the commit of each noisy entry; None for one recorded with changes, or outside git."""
        for file in self.files.values():
            for test, entries in file.entries.items():
                for entry in entries.values():
                    if entry.noisy:
                        origin = file.sessions[entry.accepted]
                        yield test, None if origin.dirty else origin.commit

    def view(self, key: CheckKey) -> BaselineView | None:
        """What a judgement needs of the entry of ``key``, or None if there is none."""
        entry = self.entry(key)
        if entry is None:
            return None
        file = self.files[self.places[key]]
        sessions = entry.sessions or {}
        anchor, origin = sessions.get(entry.accepted), file.sessions[entry.accepted]
        return BaselineView(
            case=entry.case,
            unit=entry.unit,
            better=Better(entry.better),
            value=entry.value,
            comparability=entry.comparability,
            anchor=tuple(anchor.log_ratios) if anchor else (),
            sessions=tuple(tuple(sessions[name].log_ratios) for name in sorted(sessions) if name != entry.accepted),
            identity=file.environment,
            provenance=origin.provenance,
            accepted=entry.accepted,
            reference_log_s=fmean(map(math.log, anchor.reference_s)) if anchor and anchor.reference_s else None,
            commit=None if origin.dirty else origin.commit,
            observations=entry.observed(),
            breakdown=entry.broken_down(),
            trail=entry.trailed(),
            disturbed=anchor.disturbed if anchor else 0,
        )


def read_folder(path: Path) -> BaselineFolder:
    """The folder at ``path``, empty if there is none. Raises BaselineError for the first file that is not valid.

    A file that another session removes meanwhile, as pruning does, is none of it.
    """
    while True:
        listed = _json_files(path)
        try:
            return _read(listed)
        except BaselineError:
            if all(one.exists() or one.is_symlink() for one in listed):
                raise


def _read(listed: list[Path]) -> BaselineFolder:
    files: dict[Path, BaselineFile] = {}
    places: dict[CheckKey, Path] = {}
    outdated: set[Path] = set()
    for file_path in listed:
        files[file_path], schema = read_baseline_file(file_path)
        file = files[file_path]
        if schema < BASELINE.schema:
            outdated.add(file_path)
        for test, entries in file.entries.items():
            for name in entries:
                key = CheckKey(test, name)
                if key in places:
                    raise BASELINE.fault(file_path, f"the same entry is in {places[key]}", (test, name))
                places[key] = file_path
    return BaselineFolder(files, places, outdated)


def _json_files(path: Path) -> list[Path]:
    """Files that count as baselines; what starts with a dot belongs to editors and to interrupted writers."""
    try:
        return sorted(p for p in path.iterdir() if p.suffix == ".json" and not p.name.startswith("."))
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise BaselineError(f"{path}: is a file where a folder of baselines should be; move it away") from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {error.strerror}; make it readable") from error
