"""Which environment variables the code of a repository reads."""

import subprocess

import pytest

from pytest_modelbench.vcs.reads import read_variables

CODE = """
import os
from os import environ, getenv

depth = int(os.environ["MODEL_DEPTH"])
width = os.environ.get('MODEL_WIDTH', "8")
kind = getenv("MODEL_KIND") or os.getenv( "MODEL_OTHER", "x")
os.environ.setdefault("MODEL_DEFAULT", "1"); home = environ["HOME"]; run = os.environ["GITHUB_RUN_ID"]
told = "MODEL_TOLD"
"""
SET = {
    "MODEL_DEPTH": "24", "MODEL_WIDTH": "12", "MODEL_KIND": "a b", "MODEL_OTHER": "/home/x", "MODEL_DEFAULT": "2",
    "HOME": "/root", "GITHUB_RUN_ID": "17", "MODEL_TOLD": "1",
}  # fmt: skip


@pytest.fixture
def repository(tmp_path, plain_git):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "net.py").write_text(CODE)
    (tmp_path / "readme.txt").write_text("os.environ['MODEL_TEXT']")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def test_those_that_stand_in_python_files_are_told_with_their_values(repository):
    told = read_variables(repository / "pkg", {**SET, "MODEL_TEXT": "1"})
    names = [part.partition("=")[0] for part in told.split(" ")]
    assert names == ["MODEL_DEFAULT", "MODEL_DEPTH", "MODEL_KIND", "MODEL_OTHER", "MODEL_WIDTH"]
    assert "MODEL_DEPTH=24 " in told
    assert "/home/x" not in told
    assert told != read_variables(repository, {**SET, "MODEL_KIND": "c d"})


def test_those_that_are_not_set_are_not_told(repository):
    assert read_variables(repository, {"MODEL_WIDTH": "12"}) == "MODEL_WIDTH=12"
    assert read_variables(repository, {}) == ""


def test_without_git_none_is_known(tmp_path, plain_git):
    (tmp_path / "net.py").write_text(CODE)
    assert read_variables(tmp_path, SET) == ""


def test_of_a_secret_it_is_told_that_it_is_set(repository):
    (repository / "hub.py").write_text('import os\nos.environ["HF_TOKEN"]\nos.getenv("MODEL_HUB")\n')
    told = read_variables(repository, {"HF_TOKEN": "hf_" + "x" * 34, "MODEL_HUB": "y" * 40})
    assert told.startswith("HF_TOKEN=(set) MODEL_HUB=(")
    assert "yy" not in told
