"""Versions of a package, and environments with them; what lists and installs them is a fake."""

import subprocess
import sys

import pytest

from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.workers import versions
from pytest_modelbench.workers.versions import Maker, check_maker, environment_with, versions_between

LISTED = "timm (1.0.31)\nAvailable versions: 1.0.31, 1.0.9, 1.0.30, 1.0.29, odd\n  INSTALLED: 1.0.31\n"


@pytest.fixture
def listed(monkeypatch):
    monkeypatch.setattr(versions, "_run", lambda command, what: LISTED)


def test_versions_are_in_their_own_order_and_what_is_none_is_left_out(listed):
    assert versions_between("timm", "1.0.9", "1.0.30") == ["1.0.9", "1.0.29", "1.0.30"]


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("1.0.8", "1.0.31", r"timm has no version 1\.0\.8.*It has: 1\.0\.9, 1\.0\.29, 1\.0\.30, 1\.0\.31"),
        ("1.0.30", "1.0.9", "no two versions of timm; the older one comes first"),
        ("1.0.9", "nonsense", "timm has no version nonsense"),
    ],
)
def test_a_range_that_is_none_is_refused(listed, good, bad, said):
    with pytest.raises(UsageError, match=said):
        versions_between("timm", good, bad)


def test_a_version_lies_over_what_is_installed_here(tmp_path, monkeypatch):
    run = versions._run

    def install(command, what):
        if "--target" not in command:
            return run(command, what)
        target = command[command.index("--target") + 1]
        (tmp_path / "installed").write_text(command[-1])
        with open(f"{target}/fake_package.py", "w") as file:
            file.write("VERSION = '1.2'\n")
        return ""

    monkeypatch.setattr(versions, "_run", install)
    python = environment_with(Maker("fake_package", tmp_path / "cache"), "1.2")
    assert (tmp_path / "installed").read_text() == "fake_package==1.2"
    asked = "import fake_package, pytest, pytest_modelbench, sys; print(fake_package.VERSION, sys.prefix)"
    told = run([python, "-c", asked], "it").split()
    assert told[0] == "1.2"
    assert told[1] != sys.prefix
    # It is made once, for this interpreter.
    monkeypatch.setattr(versions, "_run", None)
    assert environment_with(Maker("fake_package", tmp_path / "cache"), "1.2") == python
    monkeypatch.setattr(versions, "_run", install)
    monkeypatch.setattr(versions, "_site_folders", lambda: [*sys.path[-1:], "elsewhere"])
    assert environment_with(Maker("fake_package", tmp_path / "cache"), "1.2") != python


def test_the_users_own_tool_makes_it(tmp_path):
    maker = Maker("torch", tmp_path, f"{sys.executable} -m venv --prompt '{{version}} $HOME' --without-pip {{folder}}")
    python = environment_with(maker, "2.14")
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0


def test_what_fails_says_what_it_said_and_is_tried_again(tmp_path):
    fails = Maker("torch", tmp_path, f"""{sys.executable} -c 'print("no such thing"); raise SystemExit(3)'""")
    for _ in range(2):
        with pytest.raises(ModelbenchError, match=r"torch 9 cannot be had: .* said: no such thing"):
            environment_with(fails, "9")
    with pytest.raises(ModelbenchError, match="made no "):
        environment_with(Maker("torch", tmp_path, "true"), "9")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("make {version}", "has no {folder}"),
        ("make", "has no {version} and no {folder}"),
        ("make '{version}", "No closing"),
    ],
)
def test_a_command_that_cannot_make_one_is_refused(command, said):
    with pytest.raises(UsageError, match=said):
        check_maker(command)


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelbenchError, match="XDG_CACHE_HOME names another place"):
        environment_with(Maker("torch", tmp_path / "file" / "cache"), "9")
