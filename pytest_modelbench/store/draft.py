"""A baseline folder while it is being changed. Whoever makes one holds the lock."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from pytest_modelbench.core.change import Change, ChangeKind
from pytest_modelbench.core.environment import Fact, differences, named
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.session import Check
from pytest_modelbench.store.acceptance import accept_check
from pytest_modelbench.store.atomic import make_folder, remove, remove_left_behind, write_atomically
from pytest_modelbench.store.folders import read_folder
from pytest_modelbench.store.names import file_name
from pytest_modelbench.store.nights import Nights
from pytest_modelbench.store.records import render_baseline_file
from pytest_modelbench.store.schema import BaselineFile, Entry, Origin


class Draft:
    """The folder at ``path`` as it is on disk now, and changes to it; only files that did change are written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed: set[Path] = set()
        self.folder = read_folder(path)

    def accept(
        self, check: Check, session: str, origin: Origin, identity: dict[str, Fact] | None, nights: Nights | None = None
    ) -> Change:
        """What accepting ``check`` changes. ``identity`` is that of the environment, for a folder that has one."""
        key = check.key
        # An entry that somebody moved into another file of the folder stays there.
        path = self.folder.places.get(key) or self._path / file_name(key.test)
        before = self.folder.entry(key)
        known = nights.of_baseline(key, before.accepted) if nights and before else {}
        there = self.folder.files[path].sessions if path in self.folder.files else {}
        # A cache never refuses a baseline: what contradicts the file is left out.
        known = {name: one for name, one in known.items() if there.get(name, one[0]) == one[0]}
        after, kind = accept_check(before, check, session, {name: one for name, (_, one) in known.items()})
        if kind is not ChangeKind.UNCHANGED:
            origins = {session: origin, **{name: one for name, (one, _) in known.items()}}
            for name in sorted(origins.keys() & after.session_ids()):
                self._put(path, key, after, name, origins[name], identity)
        return Change(
            key, check.folder, str(path), kind, None if before is None else before.value, after.value, after.unit
        )

    def remove(self, key: CheckKey) -> bool:
        """Whether there was an entry of ``key``, which is now gone."""
        path = self.folder.places.pop(key, None)
        if path is None:
            return False
        entries = self.folder.files[path].entries
        del entries[key.test][key.name]
        if not entries[key.test]:
            del entries[key.test]
        self._changed.add(path)
        return True

    def rename(self, keys: Mapping[CheckKey, CheckKey]) -> None:
        """Bring the entries of ``keys`` to the disk under their new ones.

        One that lies in the file of its module goes to that of the new one. What is new is written before what is old
        is removed: whoever is killed in between leaves an entry twice, and loses none.
        """
        left_behind = []
        for key, new in keys.items():
            path = self.folder.places[key]
            file, entry = self.folder.files[path], self.folder.files[path].entries[key.test][key.name]
            to = path.with_name(file_name(new.test)) if path.name == file_name(key.test) else path
            for session in sorted(entry.session_ids()):
                self._put(to, new, entry, session, file.sessions[session], file.environment)
            if to == path:
                self.remove(key)
            else:
                left_behind.append(key)
        self.write()
        for key in left_behind:
            self.remove(key)
        self.write()

    def convert(self) -> list[Path]:
        """The files of an older schema, written anew in the present one."""
        converted = sorted(self.folder.outdated)
        self._changed.update(converted)
        self.write()
        return converted

    def write(self) -> None:
        """Bring the changes to the disk. A file that lost its last entry is removed."""
        if self._changed:
            remove_left_behind(self._path)
        for path in sorted(self._changed):
            if self.folder.files[path].entries:
                make_folder(path.parent)
                write_atomically(path, render_baseline_file(self.folder.files[path]))
            else:
                remove(path)
                del self.folder.files[path]
                with contextlib.suppress(OSError):
                    path.parent.rmdir()  # an empty folder would look like one that lost its files
            self.folder.outdated.discard(path)
        self._changed.clear()

    def _put(
        self, path: Path, key: CheckKey, entry: Entry, session: str, origin: Origin, identity: dict[str, Fact] | None
    ) -> None:
        file = self.folder.files.setdefault(path, BaselineFile())
        if identity is not None and file.environment is not None and (moved := differences(file.environment, identity)):
            raise BaselineError(
                f"{path}: holds baselines of another environment: {named(moved)}. A file holds one: keep this "
                f"environment's in another folder with --modelbench-baselines, or delete {path} to replace them"
            )
        if file.environment is None:
            # What is stored stays: a fact that only one side knows is no difference, and says nothing of old entries.
            file.environment = identity
        if file.sessions.setdefault(session, origin) != origin:
            raise BaselineError(
                f"{path}: session {session} is there already, and ran other sources or versions: two began at the same "
                "moment. Run the same again"
            )
        file.entries.setdefault(key.test, {})[key.name] = entry
        self.folder.places[key] = path
        self._changed.add(path)
