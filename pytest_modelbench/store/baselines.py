"""Baselines on disk: ``<folder>/portable/*.json`` and ``<folder>/<environment>/*.json``."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pytest_modelbench.core.change import Change
from pytest_modelbench.core.environment import Environment, Fact
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.renames import renamed
from pytest_modelbench.core.session import Check, Stamp
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.store.atomic import locked, make_folder
from pytest_modelbench.store.attributes import write_attributes
from pytest_modelbench.store.draft import Draft
from pytest_modelbench.store.folders import BaselineFolder, read_folder
from pytest_modelbench.store.names import check_folder_name
from pytest_modelbench.store.nights import Nights
from pytest_modelbench.store.schema import Origin

#: Keys of entries before and after, by folder.
Renamed = Mapping[str, Mapping[CheckKey, CheckKey]]


class BaselineStore:
    """All baselines below one folder. Folders are read when first asked for, and read again whenever they are written.

    Every method raises BaselineError for files that are not valid; none takes such a file for an absent one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, BaselineFolder] = {}
        self.attributes: Path | None = None  #: what tells git how to merge the folder, if it was written

    def load(self, folder: str) -> None:
        """Read and check all files of ``folder``, which need not exist."""
        check_folder_name(folder)
        self._read[folder] = read_folder(self.folder / folder)

    def contents(self, folder: str) -> BaselineFolder:
        """Everything in ``folder``."""
        if folder not in self._read:
            self.load(folder)
        return self._read[folder]

    def folders(self) -> list[str]:
        """Names of the folders that exist, ``portable`` first."""
        try:
            names = [p.name for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BaselineError(f"{self.folder}: cannot be read as a folder: {error.strerror}; name another") from error
        return sorted(names, key=lambda name: (name != "portable", name))

    def identities(self) -> dict[str, Mapping[str, Fact]]:
        """The environment of each folder that holds for a single one; what cannot be read is left out."""
        found: dict[str, Mapping[str, Fact]] = {}
        with contextlib.suppress(BaselineError):
            for name in self.folders():
                with contextlib.suppress(BaselineError):
                    # Not kept: it is another machine's, and no matter of this session.
                    files = (self._read.get(name) or read_folder(self.folder / name)).files.values()
                    if known := [file.environment for file in files if file.environment]:
                        found[name] = known[0]
        return found

    def holds_any(self, folder: str) -> bool:
        """Whether ``folder`` holds any entry at all."""
        return bool(self.contents(folder).places)

    def find(self, folder: str, key: CheckKey) -> BaselineView | None:
        """What is stored for ``key`` in ``folder``, or None."""
        return self.contents(folder).view(key)

    def commits_of_times(self) -> dict[str, set[str | None]]:
        """What the noisy entries of each test were recorded from, in whatever folder; None: that is not known in full.

        A folder that cannot be read is left out: it is another environment's, unless a session opens it.
        """
        found: dict[str, set[str | None]] = {}
        for name in self.folders():
            with contextlib.suppress(BaselineError):
                for test, commit in self.contents(name).commits_of_times():
                    found.setdefault(test, set()).add(commit)
        return found

    def keys(self, folder: str) -> list[CheckKey]:
        """Keys of all entries of ``folder``, sorted."""
        return sorted(self.contents(folder).places)

    def check_writable(self) -> None:
        """Raise BaselineError naming the path if baselines could not be written. Creates nothing."""
        # Of which environment this session will be is not known yet.
        there = self.folders() if self.folder.is_dir() else []
        for path in (self.folder, *(self.folder / name for name in sorted({*self._read, *there}))):
            nearest = path
            while not nearest.exists() and nearest != nearest.parent:
                nearest = nearest.parent
            if not nearest.is_dir():
                raise BaselineError(f"{nearest}: is not a folder, so no baselines can be written there; move it away")
            if not os.access(nearest, os.W_OK | os.X_OK):
                raise BaselineError(
                    f"{nearest}: is not writable, so no baselines can be written there; make it writable or name "
                    "another folder with --modelbench-baselines"
                )

    def accept(
        self, checks: Sequence[Check], stamp: Stamp, environment: Environment, nights: Nights | None = None
    ) -> list[Change]:
        """What became of the entry of each check, in the order of ``checks``.

        New, regressed, improved and incomparable checks take the place of their entry; other noisy ones add their
        session to it, and those of the ``nights`` that ran its very code. Nothing else is touched. Files are read again
        under a lock, so what other sessions wrote meanwhile stays; nothing is written if any check is refused with a
        BaselineError.
        """
        if not checks:
            return []
        for folder in {check.folder for check in checks}:
            check_folder_name(folder)
        made = not self.folder.exists()
        make_folder(self.folder)
        with locked(self.folder):
            if made:
                self._tell_git()
            drafts = {folder: Draft(self.folder / folder) for folder in sorted({check.folder for check in checks})}
            changes = []
            for check in checks:
                origin = Origin(
                    commit=stamp.commit, dirty=stamp.dirty, provenance=environment.provenance_in(check.folder)
                )
                identity = dict(environment.identity) if check.folder == environment.slug else None
                changes.append(drafts[check.folder].accept(check, stamp.id, origin, identity, nights))
            for folder, draft in drafts.items():
                draft.write()
                self._read[folder] = draft.folder
        return changes

    def outdated(self) -> list[Path]:
        """Files read so far that are of an older schema than the one written."""
        return sorted(path for folder in self._read.values() for path in folder.outdated)

    def convert(self, folder: str) -> list[Path]:
        """Files of ``folder`` that were of an older schema and are written in the present one now."""
        check_folder_name(folder)
        with locked(self.folder):
            draft = Draft(self.folder / folder)
            converted = draft.convert()
            if converted:
                self._tell_git()
            self._read[folder] = draft.folder
        return converted

    def renaming(self, old: str, new: str) -> Renamed:
        """What `rename` would do; nothing is changed."""
        with locked(self.folder):
            return self._renaming(self._drafts(), old, new)

    def rename(self, old: str, new: str) -> Renamed:
        """What goes by another key, by folder, since ``old`` is called ``new``.

        BaselineError if anything else is stored under a key that an entry would get; then nothing is changed. What is
        stored under both was renamed already, by a command that was killed.
        """
        with locked(self.folder):
            drafts = self._drafts()
            found = self._renaming(drafts, old, new)
            for folder, keys in found.items():
                drafts[folder].rename(keys)
                self._read[folder] = drafts[folder].folder
        return found

    def _drafts(self) -> dict[str, Draft]:
        return {folder: Draft(self.folder / folder) for folder in self.folders()}

    def _renaming(self, drafts: Mapping[str, Draft], old: str, new: str) -> Renamed:
        found: dict[str, dict[CheckKey, CheckKey]] = {}
        for folder, draft in drafts.items():
            places = draft.folder.places
            keys = {key: CheckKey(to, key.name) for key in sorted(places) if (to := renamed(key.test, old, new))}
            if taken := sorted(_taken(draft, keys)):
                more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
                command = shlex.join(["pytest-modelbench", "prune", "--test", taken[0]])
                raise BaselineError(
                    f"{self.folder / folder}: holds entries of {taken[0]}{more} already, so {old} cannot be called so; "
                    f"if those are not wanted, remove them first: {command}"
                )
            if keys:
                found[folder] = keys
        return found

    def _tell_git(self) -> None:
        self.attributes = write_attributes(self.folder) or self.attributes

    def prune(self, folder: str, keys: Iterable[CheckKey]) -> int:
        """Number of entries removed: those of ``keys`` that ``folder`` holds. A file without entries goes, too."""
        check_folder_name(folder)
        if not self.folder.is_dir():
            return 0
        with locked(self.folder):
            draft = Draft(self.folder / folder)
            removed = sum(draft.remove(key) for key in set(keys))
            draft.write()
            self._read[folder] = draft.folder
        return removed


def _taken(draft: Draft, keys: Mapping[CheckKey, CheckKey]) -> set[str]:
    """Tests that ``draft`` holds entries of which are not those that are to get their keys."""
    wanted = {new: old for old, new in keys.items()}
    tests = {new.test for new in wanted}
    entry = draft.folder.entry
    there = [key for key in draft.folder.places if key.test in tests and key not in keys]
    return {key.test for key in there if key not in wanted or entry(key) != entry(wanted[key])}
