"""What the sources were when a session ran."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

from pytest_modelbench.core.session import Stamp

# A repository on a dead network mount must not hold up a session.
_TIMEOUT_S = 20


def stamp(root: Path) -> Stamp:
    """Time and git state now; without git or outside a repository, the time alone."""
    started = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    commit = _git(root, "rev-parse", "HEAD")
    # Untracked files are left out: results and baselines being written are among them.
    dirty = bool(commit and _git(root, "status", "--porcelain", "--untracked-files=no"))
    return Stamp(started, commit or None, dirty)


def _git(root: Path, *arguments: str) -> str:
    """Output of a git command, empty where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
