"""The file of ``--log-file``, which workers write to one after the other."""

from __future__ import annotations

import os

import pytest


def share_log_file(config: pytest.Config) -> None:
    """Empty the file here, if it is not to be added to, and have everybody add to it: before pytest opens it."""
    if not config.pluginmanager.has_plugin("logging"):
        return
    option = config.option
    path = option.log_file or config.getini("log_file")
    if not path:
        return
    path = os.path.abspath(path)
    mode = option.log_file_mode or config.getini("log_file_mode")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if "a" not in mode:
        with open(path, "w"):
            pass
    # By the option, which comes before what an ini file says.
    option.log_file, option.log_file_mode = path, "a"
