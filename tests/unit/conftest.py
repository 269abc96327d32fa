"""What unit tests share: no example of a property is timed, and git is nobody's.

Machines that run these tests are as busy as those that they are about.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def plain_git(monkeypatch):
    """Git as it is without anybody's configuration."""
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
