"""Which file's settings hold: one rule for a pytest session and for the command, which has no session to ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.places import told_path
from pytest_modelbench.core.settings import Settings, read_settings, resolved
from pytest_modelbench.store.rootdir import pytest_root, pytest_settings, settings_in, tests_of
from pytest_modelbench.store.tables import Table, table_in, tables_of


@dataclass(frozen=True, slots=True)
class Project:
    """The table of settings that holds for some tests; None: there is none, and defaults hold.

    ``root`` is pytest's root directory, ``given`` whether the table's file was named on the command line, ``unused``
    the tables that somebody may think to hold.
    """

    root: Path
    table: Table | None = None
    given: bool = False
    unused: tuple[Table, ...] = ()

    @property
    def base(self) -> Path:
        """The folder that paths in the table, and defaults, start from."""
        return self.table.path.parent if self.table else self.root

    def kept_with(self, path: Path) -> bool:
        """Whether this table still holds where the file at ``path`` is given with ``-c``."""
        other = table_in(path)
        return other is None or (self.table is not None and other.path == self.table.path)

    def settings(self, options: Mapping[str, object], here: Path) -> Settings:
        """The settings, with ``options`` on top that were typed in the folder ``here``; UsageError for wrong ones."""
        base, typed = str(self.base), str(here)
        if self.table is None:
            return read_settings({}, options, "", base=base, typed=typed)
        where, section = told_path(self.table.path, here), self.table.section
        return read_settings(self.table.values, options, where, section=section, base=base, typed=typed)


def project_of(tests: Sequence[Path], root: Path, here: Path, given: Path | None = None) -> Project:
    """The project that ``tests`` belong to, for a pytest in the folder ``here`` with the root directory ``root``.

    Its table is that of the file ``given`` with pytest's ``-c``; else the nearest one above all of the tests, up to the
    top of their repository; else that of the root directory. UsageError for a file on the way that cannot be read.
    """
    start = common_folder(tests) or here
    chosen = table_in(given) if given else None
    by_name = chosen is not None
    for folder in (*_upwards(start), root):
        chosen = chosen or next(iter(tables_of(folder)), None)
    told = dict.fromkeys((*_upwards(start), root, *_upwards(here)))
    others = [table for folder in told for table in _readable(folder) if not chosen or table.path != chosen.path]
    return Project(root, chosen, by_name, tuple(others))


def project_here(here: Path, given: Path | None = None) -> Project:
    """The project of a pytest that is started in the folder ``here`` without arguments, but for ``-c`` ``given``."""
    if given is None:
        root = pytest_root(here, here)
        read = pytest_settings(root)
    else:
        typed, given = given, Path(resolved(str(given), str(here)))
        if not given.is_file():
            raise UsageError(f"-c {typed}: there is no such file; check the path")
        root, read = given.parent, settings_in(given)
    return project_of(tests_of(here, root, read or {}), root, here, given)


def nearest_table(folder: Path) -> Table | None:
    """The table that is nearest to the tests in ``folder``; None if there is none up to the top of their repository."""
    return next((table for above in _upwards(folder) for table in tables_of(above)), None)


def common_folder(tests: Iterable[Path]) -> Path | None:
    """The deepest folder that holds all of ``tests``; None if none of them is there."""
    folders = [path if path.is_dir() else path.parent for path in tests if path.exists()]
    if not folders:
        return None
    first, *others = folders
    above = (first, *first.parents)
    return next((folder for folder in above if all(other.is_relative_to(folder) for other in others)), None)


def _upwards(folder: Path) -> Iterator[Path]:
    """``folder`` and those above it, up to the top of its repository; to that of the disk where it is in none."""
    for above in (folder, *folder.parents):
        yield above
        if (above / ".git").exists():
            return


def _readable(folder: Path) -> list[Table]:
    """The tables of a folder whose files need not concern the session."""
    try:
        return tables_of(folder)
    except UsageError:
        return []
