"""Projects of the kinds that people have, whose models come from anywhere: gated, and each caught when it changes.

They are the examples of the documentation. Each stands for what a package does (segmentation_models_pytorch,
transformers, open_clip, monai, kornia, lightly, lightning, ultralytics, onnxruntime, torchvision), with a small model
of its own in the place of theirs.
"""

import shutil
from pathlib import Path

import pytest

from pytest_modelbench.session import hooks

EXAMPLES = Path(hooks.__file__).parents[2] / "docs/examples/projects"

#: By test, a change as people make it, and what the gate then says.
CHANGES = {
    "test_segmentation.py::test_segmentor": ("CHANNELS = (32, 16)", "CHANNELS = (32, 24)", "macs regressed"),
    "test_detection.py::test_detector": ("MOST_BOXES = 5", "MOST_BOXES = 9", "output regressed"),
    "test_transformer.py::test_inference": (
        "KEEP_ALL_HIDDEN_STATES = False", "KEEP_ALL_HIDDEN_STATES = True", "peak_live_memory regressed",
    ),
    "test_two_towers.py::test_both": (
        "return seen if text is None else (seen, self.text(text).mean(1))", "return seen", "output regressed",
    ),
    "test_volumes.py::test_volumes": ("SPATIAL_SIZE = 16", "SPATIAL_SIZE = 20", "cannot be compared"),
    "test_augmentation.py::test_augmented": ("MEAN, STD = (0.485, ", "MEAN, STD = (0.385, ", "output regressed"),
    "test_contrastive.py::test_simclr": (
        "torch.cat([module(images), ", "torch.cat([module(images.clone()), ", "train_peak_live_memory regressed",
    ),
    "test_lightning.py::test_classifier": ("DROPOUT = 0.0", "DROPOUT = 0.5", "train_peak_live_memory regressed"),
    "test_lazy_constants.py::test_output": ("found + self.grid", "found - self.grid", "output regressed"),
    "test_without_torch.py::test_graph": ('"Gemm"', '"Gemm", "Relu"', "nodes regressed"),
}  # fmt: skip


@pytest.mark.long
def test_each_kind_is_gated_and_caught_when_it_changes(bench, pytester):
    shutil.copytree(
        EXAMPLES, pytester.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "baselines")
    )
    settings = pytester.path / "pyproject.toml"
    settings.write_text(settings.read_text() + "update-rounds = 2\n")
    assert bench("--update-baselines", apart=True).ret == 0
    result = bench("--modelbench-missing=fail", apart=True)
    result.assert_outcomes(passed=12)
    assert result.parseoutcomes().keys() == {"passed"}  # and nothing is warned of
    for test, (before, after, _) in CHANGES.items():
        path = pytester.path / test.partition("::")[0]
        assert path.read_text().count(before) == 1, f"{test} has changed"
        path.write_text(path.read_text().replace(before, after))
    result = bench(apart=True)
    result.assert_outcomes(failed=len(CHANGES), passed=2)
    for test, (_, _, said) in CHANGES.items():
        result.stdout.fnmatch_lines_random([f"FAILED {test} - *", f"*{said}*"])
