"""Builds on the meta device, and what they leave to others."""

import functools
import gc
import importlib.resources
import sys
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pytest_modelbench.models.bare_build import built_on_meta
from pytest_modelbench.models.build import build

ANCHORS: dict[str, torch.Tensor] = {}
STRIDES: list[torch.Tensor] = []


@functools.lru_cache(maxsize=4)
def table(size):
    return torch.arange(size)


class Net(nn.Module):
    """Holds what ``make`` returns in every way in which a module can."""

    def __init__(self, make):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.tied = self.layer
        self.register_buffer("kept", make())
        self.plain, self.nested = self.kept, [{"a": (self.kept, make())}]
        self.other = SimpleNamespace(held=make())
        self.again = lambda: self.kept


@pytest.mark.parametrize("frozen", [False, True])
def test_what_belongs_to_the_module_is_nobody_elses(recwarn, frozen):
    if frozen:
        gc.freeze()
    module = built_on_meta(lambda: Net(lambda: torch.ones(3)), "net")
    gc.unfreeze()
    assert module.layer.weight.is_meta
    assert module.other.held.is_meta
    assert not [str(one.message) for one in recwarn if "without values" in str(one.message)]


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: table(3), r"a tensor \(3,\) in the cache of tests.unit.test_models_bare_build.table"),
        (
            lambda: ANCHORS.setdefault("a", torch.ones(2)),
            r"a tensor \(2,\) in tests.unit.test_models_bare_build.ANCHORS",
        ),
        (
            lambda: STRIDES.append(torch.ones(2, 1)) or STRIDES[0],
            r"a tensor \(2, 1\) in tests.unit.test_models_bare_build.STRIDES",
        ),
    ],
    ids=["cached", "in a dictionary", "in a list"],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_what_others_hold_afterwards_is_told_with_its_place(make, where, frozen):
    if frozen:  # as in a worker
        gc.freeze()
    with pytest.warns(UserWarning, match=f"net: its builder, run on the meta device, left .*{where}"):
        built_on_meta(lambda: Net(make), "net")
    assert bool(gc.get_freeze_count()) == frozen
    gc.unfreeze()
    table.cache_clear()
    for held in (ANCHORS, STRIDES):
        held.clear()


@pytest.mark.parametrize("how", [torch.jit.script, lambda module: torch.jit.trace(module, torch.ones(1, 2))])
def test_modules_of_native_code_hold_what_they_are_made_of(recwarn, how):
    built_on_meta(lambda: how(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()), "net")
    assert not [str(one.message) for one in recwarn if "without values" in str(one.message)]


def test_what_a_build_imports_has_values(tmp_path, monkeypatch):
    package = tmp_path / "lazily_imported"
    package.mkdir()
    (package / "__init__.py").write_text("import torch\nfrom .inner import SIZES\nTABLE = torch.ones(3)\n")
    (package / "inner.py").write_text("import torch\nSIZES = torch.arange(4)\n")
    (package / "data.txt").write_text("data")
    monkeypatch.syspath_prepend(tmp_path)

    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            import lazily_imported

            self.fresh = torch.ones(1)
            self.register_buffer("table", lazily_imported.TABLE.to(self.fresh.device))

    before = [*sys.meta_path]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = build(Lazy, device=torch.device("cpu"), image_size=4, name="lazy").on_meta().module
    assert (module.fresh.is_meta, module.table.is_meta) == (True, True)
    imported = sys.modules["lazily_imported"]
    assert imported.TABLE.sum() + imported.SIZES.sum() == 9
    assert type(imported.__loader__).__name__ == type(imported.__spec__.loader).__name__ == "SourceFileLoader"
    assert importlib.resources.files("lazily_imported").joinpath("data.txt").read_text() == "data"
    assert sys.meta_path == before


def test_an_import_that_fails_fails_as_ever(tmp_path, monkeypatch):
    (tmp_path / "fails_at_once.py").write_text("raise ValueError('at once')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name, error in (("fails_at_once", ValueError), ("is_not_there", ModuleNotFoundError)):
        with pytest.raises(error):
            built_on_meta(functools.partial(importlib.import_module, name), "net")
        assert name not in sys.modules


def test_what_was_thrown_away_on_the_way_is_nobodys(recwarn, monkeypatch):
    searched = []
    monkeypatch.setattr("pytest_modelbench.models.bare_build._holder", lambda *given: searched.append(given))

    def make():
        thrown_away = Net(lambda: torch.ones(3))
        thrown_away.itself = [thrown_away]
        return Net(lambda: torch.ones(3))

    built_on_meta(make, "net")
    assert not searched


def test_the_garbage_collector_is_left_as_it_was():
    before = gc.get_freeze_count(), gc.isenabled()
    built_on_meta(lambda: nn.Linear(1, 1), "net")
    assert (gc.get_freeze_count(), gc.isenabled()) == before
