"""Sessions with real workers in a folder, and what they leave behind when they are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.trials.faults.gated_project import Ended, remove
from tests.trials.faults.told import Told

#: What it takes to start processes, to wait for those that hang, and to end them.
_TIMEOUT_S = 60.0
#: How long what a session started may outlive it.
_LINGERS_S = 5.0
_VARIABLE = "MODELBENCH_TRIAL"


@dataclass(frozen=True)
class RealSession:
    """One that runs: all that it starts inherits a token."""

    process: subprocess.Popen[bytes]
    token: str

    def end(self) -> Ended:
        """How it ended, once it has."""
        try:
            output, _ = self.process.communicate(timeout=_TIMEOUT_S)
            return Ended(self.process.returncode, output.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return Ended(None, self.process.communicate()[0].decode(errors="replace"))

    def left(self) -> list[str]:
        """What of it still runs after a while, by name; it is killed."""
        until_s = time.monotonic() + _LINGERS_S
        while processes := self._processes():
            if time.monotonic() > until_s:
                for pid in processes:
                    os.kill(pid, signal.SIGKILL)
                return list(processes.values())
            time.sleep(0.05)
        return []

    def _processes(self) -> dict[int, str]:
        found = {}
        token = f"{_VARIABLE}={self.token}".encode()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    command = (folder / "cmdline").read_bytes()
                    if token in (folder / "environ").read_bytes() and command:  # one that is dead has none
                        found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")[:200]
                except OSError:
                    continue
        return found


class RealProject:
    """A project in ``root``, which holds files of these ``names`` and nothing else."""

    def __init__(self, root: Path, files: dict[str, str], names: set[str]) -> None:
        self.root = root
        self._names = {*files, *names, "baselines", "__pycache__", "tmp"}
        root.mkdir(parents=True)
        (root / "tmp").mkdir()
        for name, text in files.items():
            (root / name).write_text(text)

    def start(self, *arguments: str) -> RealSession:
        """``pytest --modelbench`` with ``arguments``, begun."""
        token = uuid.uuid4().hex
        environment = os.environ | {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TMPDIR": str(self.root / "tmp"), _VARIABLE: token,
            "XDG_CACHE_HOME": str(self.root.parent / "cache"), "GIT_CONFIG_GLOBAL": os.devnull,
        }  # fmt: skip
        plugins = ["-p", "pytest_modelbench.plugin", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *plugins, "--modelbench", "--device=cpu", *arguments]
        process = subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_heed_signals,
        )  # fmt: skip
        return RealSession(process, token)

    def left_of(self, session: RealSession, meant: tuple[str, ...] = ()) -> Told | None:
        """What ``session`` left behind, processes and files, if anything; the names in ``meant`` are the test's own."""
        if processes := session.left():
            return Told(f"left a process: {processes[0]}", fault=True)
        files = [path for path in self.root.iterdir() if path.name not in self._names]
        files += (self.root / "tmp").iterdir()
        for path in files:
            remove(path)
        ours = sorted(path.name for path in files if path.name not in meant)
        return Told(f"left behind: {', '.join(ours)}", fault=True) if ours else None


def _heed_signals() -> None:
    """Undo what a shell does to what it starts in the background."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
