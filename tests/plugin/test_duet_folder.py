"""Side by side with a revision: each side reads the files of its own tree, however a test names them."""

import pytest

NETS = """
from pathlib import Path

def net():
    from torch import nn

    blocks = int(Path("configs/blocks.txt").read_text())
    return nn.Sequential(*[nn.Conv2d(3, 3, 3) for _ in range(blocks)])
"""
BENCH = """
from pathlib import Path

from nets import net

def test_net(build_model, modelbench):
    assert (modelbench.data / "classes.txt").exists()
    modelbench.cost(build_model(net, image_size=32))
    assert Path(build_model(net, checkpoint="data/classes.txt", name="weights")._recipe.checkpoint).is_file()
"""


@pytest.fixture
def project(pytester, git):
    """A repository whose model has as many blocks as a file says: 2 in the commit, 3 in the working tree."""
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    pytester.makepyfile(nets=NETS, test_it=BENCH)
    blocks = pytester.mkdir("configs") / "blocks.txt"
    blocks.write_text("2")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "two blocks")
    blocks.write_text("3")
    # Not in git, as data mostly are not.
    (pytester.mkdir("data") / "classes.txt").write_text("cat\n")


@pytest.mark.slow
def test_relative_paths_lead_to_each_sides_own_files_and_to_the_same_data(bench, project):
    result = bench("--modelbench-against=HEAD", "--modelbench-data=data")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*parameters regressed: 168 -> 252 (+84)*"])
