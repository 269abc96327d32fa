"""What becomes part of a history that was not kept in it: other histories, results files, and other tools' storage."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modelbench.core.errors import BaselineError, ModelbenchError
from pytest_modelbench.store.documents import document_of, read_text
from pytest_modelbench.store.history import contradicting, read_nights
from pytest_modelbench.store.imports import asv, benchmark_storage
from pytest_modelbench.store.imports.foreign import OTHERS
from pytest_modelbench.store.imports.result_lines import nights_of_results
from pytest_modelbench.store.locations.location import Location, otherwise
from pytest_modelbench.store.night_files import (
    FOLDED_SUFFIX,
    SUFFIX,
    Found,
    Night,
    file_name,
    file_of,
    hash_of,
    read_file,
)
from pytest_modelbench.store.results import RESULTS

#: Files that are added at once: in a branch, with one commit.
_AT_ONCE = 200
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Imported:
    """How many nights were added, how many were there already, and why each file that was left out was."""

    added: int
    known: int
    left: tuple[str, ...]


def import_into(location: Location, paths: Iterable[Path]) -> Imported:
    """Add to ``location`` the nights in the files at ``paths``, and in all files of folders among them.

    One that tells otherwise of its session than another is left out. Raises BaselineError for a path that leads
    nowhere, before anything is added.
    """
    files = [file for path in paths for file in _files(path)]
    known, told = set[str](), dict[tuple[str, str], str]()  #: files, and the hash of what each session says
    with suppress(BaselineError):  # it is made
        known.update(location.names())
        for _, _, one in read_nights(location):
            if isinstance(one, Found):
                told.setdefault(one.key, one.hash)
    batch, added, twice, left = dict[str, bytes](), 0, 0, list[str]()
    for path in files:
        for found in _nights(path):
            if isinstance(found, ModelbenchError):
                left.append(str(found))
                continue
            name = file_name(found)
            if found.key in told:
                if told[found.key] == found.hash:
                    twice += 1
                else:
                    left.append(str(contradicting(str(path), found)))
                continue
            if name in known:  # and cannot be read there
                left.append(str(otherwise(location.told(name))))
                continue
            told[found.key] = found.hash
            batch[name] = found.line
            added += 1
            if len(batch) == _AT_ONCE:
                location.add(batch)
                batch = {}
    if batch:
        location.add(batch)
    return Imported(added, twice, tuple(left))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not os.path.lexists(path):
            raise BaselineError(f"{path}: there is no such file or folder; check the path")
        return [path]
    found = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    files = sorted(one for one in found if one.name.endswith((".json", FOLDED_SUFFIX)))
    if not files:
        raise BaselineError(f"{path}: no file in this folder is one that a history can be made of; check the path")
    return files


def _nights(path: Path) -> Iterator[Found | ModelbenchError]:
    """Each night in the file at ``path``; why one cannot be used."""
    try:
        if path.name.endswith((SUFFIX, FOLDED_SUFFIX)):
            if not path.is_file():
                raise BaselineError(f"{path}: is no file; move it away")
            yield from read_file(str(path), path.name, path.read_bytes(), "It is left out")
        else:
            for night in _read(path):
                _, line = file_of(night)
                yield Found(night, line, hash_of(line))
    except OSError as error:
        yield BaselineError(f"{path}: cannot be read: {error.strerror or error}; make it readable")
    except ModelbenchError as error:
        yield error
    except (ValueError, ArithmeticError) as error:  # a number or a date that nothing can be reckoned with
        yield OTHERS.fault(path, f"holds a value that cannot be used: {error}")


def _read(path: Path) -> list[Night]:
    """The nights in a file that is none of a history's; BaselineError where it cannot be used."""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if f'"{RESULTS.format}"'.encode() in head:
            return nights_of_results(path)
    content = _parsed(path)
    if asv.is_results(content):
        return [asv.night_of_results(path, content)]
    if asv.goes_along(path, content):
        return []
    if benchmark_storage.is_run(content):
        return [benchmark_storage.night_of_run(str(path), content)]
    raise BaselineError(
        f"{path}: is none of what a history can be made of: results of --modelbench-json, nights, saved runs of "
        "pytest-benchmark, results of asv"
    )


def _parsed(path: Path) -> dict[str, Any]:
    text = read_text(path, OTHERS)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return document_of(path, text, OTHERS)  # which tells what is wrong with it
    return content if isinstance(content, dict) else {}
