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

def pixels(image):
    import torch

    image = image.resize((64, 48))
    return torch.tensor(list(image.tobytes())).reshape(image.height, image.width, 3).permute(2, 0, 1)

def logits(output):
    return output.mean(dim=(2, 3))

def test_net(build_model, modelbench):
    assert (modelbench.data / "classes.txt").exists()
    modelbench.cost(build_model(net, image_size=32))
    assert Path(build_model(net, checkpoint="data/classes.txt", name="weights")._recipe.checkpoint).is_file()
    for name, folder in (("typed", "data/images"), ("beside", Path(__file__).parent / "data" / "images")):
        model = build_model(net, image_size=(48, 64))
        modelbench.accuracy(model, folder, transform=pixels, logits=logits, name=name, band="100pp")

def test_reads_itself(modelbench):
    modelbench.record("classes", len((Path(__file__).parent / "data" / "classes.txt").read_text().split()))
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
    image = pytest.importorskip("PIL.Image")
    for name in ("0", "1"):
        folder = pytester.path / "data" / "images" / name
        folder.mkdir(parents=True)
        image.new("RGB", (64, 48), "red").save(folder / "one.png")


@pytest.mark.slow
def test_relative_paths_lead_to_each_sides_own_files_and_to_the_same_data(bench, project):
    result = bench("--modelbench-against=HEAD", "--modelbench-data=data")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*parameters regressed: 168 -> 252 (+84)*",
            "cannot be compared with HEAD (*): it is skipped *: */data/classes.txt is not in the checkout of the code*",
        ]
    )
