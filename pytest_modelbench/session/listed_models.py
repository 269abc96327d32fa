"""Tests of models that nobody wrote a test for: which, and how pytest comes by them, here and in workers."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.listed_models import FUNCTION, MODULE, MOST_UNASKED, ListedModel, check_precisions, combined
from pytest_modelbench.core.settings import Settings, resolved
from pytest_modelbench.options import flag_of
from pytest_modelbench.report.scale import duration
from pytest_modelbench.workers.model_names import expanded

#: Where pytest's options hold the models of a session, as plain values that workers are handed over.
_DEST = "modelbench_listed"
#: What one takes in one process on a core, roughly: resnet50 at batch 1.
_TYPICAL_S = 10


@dataclass(frozen=True, slots=True)
class Listing:
    """The models of a session, whether the settings list them, and the paths and ids left for pytest to look at."""

    models: tuple[ListedModel, ...] = ()
    by_settings: bool = False
    arguments: tuple[str, ...] = ()


def listing_of(config: pytest.Config, settings: Settings) -> Listing:
    """The models that the command line asks for, by option or by id; else, if it names no tests, those of the settings.

    UsageError for names that match nothing, and for more than `MOST_UNASKED` outside of CI without --modelbench-yes.
    """
    typed = config.args_source is config.ArgsSource.ARGS
    arguments = list(config.args)
    ids = [test for argument in arguments if (test := _as_test(argument, config))]
    others = tuple(argument for argument in arguments if not _as_test(argument, config))
    if ids:
        # An id says all: options beside it are those of the session that told it.
        return Listing(tuple(dict.fromkeys(map(ListedModel.of_test, ids))), arguments=others)
    by_option = bool(config.option.modelbench_model)
    if not settings.models or (typed and not by_option):
        return Listing(arguments=tuple(arguments))
    where = flag_of("models") if by_option else "models"
    check_precisions(settings.precision, flag_of("precision"))
    models = combined(expanded(settings.models, where, str(Path.cwd())), settings.batch_size, settings.precision)
    if len(models) > MOST_UNASKED and not (config.option.modelbench_yes or os.environ.get("CI")):
        raise UsageError(_too_many(models, where, settings, updating=config.option.update_baselines))
    # Without a path, those models are all that was asked for by option.
    return Listing(tuple(models), not by_option, () if by_option and not typed else tuple(arguments))


def _as_test(argument: str, config: pytest.Config) -> str:
    """The id of a listed model's test that ``argument`` is, in whatever folder it is typed; else empty."""
    path, separator, inside = argument.partition("::")
    place = Path(resolved(path, str(config.invocation_params.dir)))
    named = separator and place == config.rootpath / MODULE and not place.exists()
    return f"{MODULE}::{inside}" if named else ""


def _too_many(models: Sequence[ListedModel], where: str, settings: Settings, *, updating: bool) -> str:
    rounds = settings.update_rounds if updating else settings.rounds[0]
    takes = duration(max(60, len(models) * rounds * _TYPICAL_S))
    return (
        f"{where}: {len(models)} models, from {models[0].id} to {models[-1].id}, take {takes} or more, at "
        f"{_TYPICAL_S} s each in {rounds} {'round' if rounds == 1 else 'rounds'}; add --modelbench-yes if they are "
        "meant, or name fewer"
    )


def take_listing(config: pytest.Config, listing: Listing) -> None:
    """Have ``config`` collect the tests of ``listing``, here and in workers."""
    if not listing.models:
        return
    config.args[:] = listing.arguments
    # As `python -m pytest` has it: without tests there is no file that would lead Python to the project's modules.
    for folder in (config.rootpath, config.rootpath / "src"):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))
    setattr(config.option, _DEST, [[one.model, one.batch_size, one.precision] for one in listing.models])


def listed_in(config: pytest.Config) -> list[ListedModel]:
    """The models that `take_listing` left in ``config``, or in the controller's, whose options a worker has."""
    return [ListedModel(*one) for one in getattr(config.option, _DEST, ())]


class ListedModels:
    """A plugin that adds the tests to those that are collected."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add them before anything is selected."""
        module = ModelTests.from_parent(session, path=session.config.rootpath / MODULE, nodeid=MODULE)
        items += session.genitems(module)


class ModelTests(pytest.Module):
    """The tests, in place of a file of somebody's: their ids are the same wherever this package lies."""

    def _getobj(self) -> ModuleType:
        return importlib.import_module("pytest_modelbench.session.listed_tests")

    def funcnamefilter(self, name: str) -> bool:
        """Whether it is the one, whatever tests are called in this project."""
        return name == FUNCTION

    def classnamefilter(self, name: str) -> bool:
        """No class is."""
        return False


def parametrize(metafunc: Any) -> None:
    """Have the one function run for each model of the session."""
    listed = listed_in(metafunc.config)
    metafunc.parametrize("listed", listed, ids=[one.id for one in listed])
