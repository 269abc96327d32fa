"""Environment variables that the code of a repository reads, by the names that stand in it, and their values."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.shown import shown
from pytest_modelbench.vcs.git import ask
from pytest_modelbench.vcs.listing import LISTING_S, top_of

#: ``os.environ["NAME"]``, ``environ.get("NAME"``, ``os.getenv("NAME"``, as git's extended expressions have it.
_READS = r"(environ(\.get|\.setdefault|\.pop)?|getenv) *[[(] *[\"'][A-Za-z_][A-Za-z0-9_]*[\"']"
_NAME = re.compile(r"[\"'](\w+)[\"']\s*$")
#: What tells one run from another, or where it runs and who is looking: no model depends on it.
_OF_A_RUN = (
    "BUILD_", "BUILDKITE", "CI_", "CIRCLE", "GITHUB_", "GITLAB_", "JENKINS_", "PYTEST_", "RUNNER_", "SLURM_", "SSH_",
    "TRAVIS", "WANDB_", "XDG_", "LC_",
)  # fmt: skip
_NAMES_OF_A_RUN = frozenset(
    """
    BUILD CI CLICOLOR COLORTERM COLUMNS COVERAGE_PROCESS_START DISPLAY EDITOR FORCE_COLOR HOME HOSTNAME JOB_ID LANG
    LINES LOGNAME NO_COLOR OLDPWD PATH PWD SHELL TEMP TERM TMP TMPDIR TOX_ENV_NAME TZ USER USERPROFILE VIRTUAL_ENV
    """.split()  # noqa: SIM905 - a word list reads better than dozens of quotes
)


def read_variables(root: Path, environment: Mapping[str, str] = os.environ) -> str:
    """``MODEL_DEPTH=24``: those that Python files of the repository of ``root`` read, as far as they are set, sorted.

    Names that are put together as the code runs are not seen. Empty without git.
    """
    try:
        command = ("grep", "--untracked", "-h", "-o", "-I", "-E", _READS, "--", ":(top)*.py")
        found = ask(top_of(root), *command, timeout_s=LISTING_S).output
    except UsageError:
        return ""
    names = {name[1] for line in found.splitlines() if (name := _NAME.search(line))}
    of_code = sorted(name for name in names - _NAMES_OF_A_RUN if not name.startswith(_OF_A_RUN))
    return " ".join(f"{name}={shown(name, environment[name])}" for name in of_code if name in environment)
