"""Interpreters with another version of one package, and which versions there are."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import site
import sys
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from pytest_modelbench.core.errors import ModelbenchError, UsageError, did_you_mean
from pytest_modelbench.workers.programs import output_of

_WHERE = "import sysconfig; print(sysconfig.get_path('purelib'))"


@dataclass(frozen=True, slots=True)
class Maker:
    """How environments with a version of ``package`` are made, in ``cache``: by ``command``, or over this one.

    ``command`` has ``{version}`` and ``{folder}`` in it, and makes a virtual environment of the folder.
    """

    package: str
    cache: Path
    command: str = ""


def environment_with(maker: Maker, version: str) -> str:
    """The interpreter of an environment with this version of the package, which is made where there is none yet.

    By default one that sees all that is installed here, with the version over it and nothing that it depends on.
    ModelbenchError, with the last that was said, if it cannot be made.
    """
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{maker.package}-{version}")
    made_of = "\n".join([sys.executable, sys.version, *_site_folders(), maker.command])
    folder = maker.cache / f"{name}-{hashlib.sha256(made_of.encode()).hexdigest()[:10]}"
    python, made = folder / "bin" / "python", folder / "modelbench-made"
    try:
        with _alone(maker.cache):
            if not (made.exists() and python.exists()):
                shutil.rmtree(folder, ignore_errors=True)
                _make(maker, version, folder, python)
                made.write_text("", encoding="utf-8")
    except OSError as error:
        what = f"an environment with {maker.package} {version} cannot be made in {maker.cache}"
        raise ModelbenchError(f"{what}: {error.strerror or error}; XDG_CACHE_HOME names another place") from error
    return str(python)


def _make(maker: Maker, version: str, folder: Path, python: Path) -> None:
    if maker.command:
        given = {"{version}": version, "{folder}": str(folder)}
        command = [_filled(part, given) for part in shlex.split(maker.command)]
        _run(command, f"{maker.package} {version}")
        if not python.exists():
            raise ModelbenchError(f"{shlex.join(command)} made no {python}")
        return
    venv.EnvBuilder(symlinks=True).create(folder)
    own = Path(_run([str(python), "-c", _WHERE], "the new environment").strip())
    lines = [f"import site; site.addsitedir({path!r})" for path in _site_folders()]
    (own / "_modelbench_here.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    wanted = f"{maker.package}=={version}"
    _run([*_installer(), "--target", str(own), "--no-deps", wanted], f"{maker.package} {version}")


def _filled(part: str, given: Mapping[str, str]) -> str:
    for name, value in given.items():
        part = part.replace(name, value)
    return part


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """No other process makes an environment in ``cache`` meanwhile."""
    cache.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(cache, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def check_maker(command: str) -> None:
    """Raise UsageError for a command that cannot make an environment."""
    try:
        shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--maker {command!r}: {error}") from error
    lacking = [name for name in ("{version}", "{folder}") if name not in command]
    if lacking:
        raise UsageError(
            f"--maker {command!r} has no {' and no '.join(lacking)}: it makes that folder for that version"
        )


def versions_between(package: str, good: str, bad: str) -> list[str]:
    """The released versions of ``package`` from ``good`` to ``bad``, the oldest first; UsageError without such ones."""
    told = _run([*_pip(), "index", "versions", package], f"the versions of {package}")
    listed = re.search(r"^Available versions: (.*)$", told, re.MULTILINE)
    known = sorted(filter(None, map(_version, listed[1].split(", ") if listed else [])))
    ends = _version(good), _version(bad)
    for end, text in zip(ends, (good, bad), strict=True):
        if end not in known:
            near = did_you_mean(text, [str(one) for one in known])
            raise UsageError(f"{package} has no version {text}.{near} It has: {', '.join(map(str, known[-8:]))}")
    found = [str(one) for one in known if ends[0] <= one <= ends[1]]  # type: ignore[operator]
    if len(found) < 2:
        raise UsageError(f"{good}..{bad} has no two versions of {package}; the older one comes first")
    return found


def _version(text: str) -> Version | None:
    try:
        return Version(text.strip())
    except InvalidVersion:
        return None


def _site_folders() -> list[str]:
    return [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise UsageError(f"pip is not installed here, and lists versions: {sys.executable} -m ensurepip")
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


def _installer() -> list[str]:
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--quiet"]
    return [*_pip(), "install", "--quiet"]


def _run(command: list[str], what: str) -> str:
    return output_of(command, f"{what} cannot be had")
