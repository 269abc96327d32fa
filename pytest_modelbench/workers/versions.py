"""Interpreters with another version of one package, and which versions there are."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import site
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from pytest_modelbench.core.errors import ModelbenchError, UsageError, did_you_mean
from pytest_modelbench.host.interrupts import interruptible

#: A slow connection, and a large package.
_PATIENCE_S = 1800.0


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
    folder = maker.cache / re.sub(r"[^A-Za-z0-9.]+", "-", f"{maker.package}-{version}")
    python, made = folder / "bin" / "python", folder / "modelbench-made"
    if made.exists() and python.exists():
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    if maker.command:
        command = [part.format(version=version, folder=folder) for part in shlex.split(maker.command)]
        _run(command, f"{maker.package} {version}")
        if not python.exists():
            raise ModelbenchError(f"{shlex.join(command)} made no {python}")
    else:
        venv.EnvBuilder(symlinks=True).create(folder)
        own = Path(folder, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
        lines = [f"import site; site.addsitedir({path!r})" for path in _site_folders()]
        (own / "_modelbench_here.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
        _run([*_installer(), "--target", str(own), "--no-deps", f"{maker.package}=={version}"], str(version))
    made.write_text("", encoding="utf-8")
    return str(python)


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
    """What a command printed; ModelbenchError with the end of what it said if it failed."""
    try:
        with interruptible():
            ran = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelbenchError(f"{what} cannot be had: {error}") from error
    if ran.returncode:
        said = (ran.stderr.strip() or ran.stdout.strip()).splitlines()
        raise ModelbenchError(f"{what} cannot be had: {shlex.join(command)} said: {' / '.join(said[-2:])}")
    return ran.stdout
