"""The pytest plugin: options, hooks, and fixtures whose bodies import what they need.

This module is imported by every pytest run of everyone who has the package installed. It imports nothing but pytest,
the standard library's lightest and the table of options, starts nothing and creates nothing; all else waits for
``--modelbench``. For the same reason pytest is asked not to rewrite its assertions, of which it has none:
PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modelbench.options import OPTIONS, OptionType

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from pytest_modelbench.bench.building import BuildModel
    from pytest_modelbench.bench.modelbench import ModelBench
    from pytest_modelbench.bench.peak import PeakMemory
    from pytest_modelbench.bench.process import Bench
    from pytest_modelbench.measure.timer import DeviceTimer

_GROUP = "modelbench"
bench_key = pytest.StashKey["Bench"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Everything under one heading of ``--help``; ``--device`` comes later."""
    group = parser.getgroup(_GROUP, "modelbench: compare latency, memory, cost and accuracy of models with baselines")
    for option in OPTIONS:
        if option.flag is None:
            continue
        told = option.told.replace("%", "%%")
        if option.kind is OptionType.SWITCH:
            group.addoption(option.flag, action="store_true", help=told)
        else:
            action = "append" if option.many else "store"
            group.addoption(option.flag, action=action, metavar=option.value, help=told)
        if option.former_flag is not None:
            refuse = partial(_refuse_former_flag, option.former_flag, option.flag)
            group.addoption(option.former_flag, dest="modelbench_former", type=refuse, help=argparse.SUPPRESS)


def _refuse_former_flag(former: str, flag: str, value: str) -> None:
    raise pytest.UsageError(f"{former} is called {flag} now: write {flag}={value}")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Iterator[None]:
    """Add ``--device``, unless another plugin or a conftest file has one: they have all spoken by now."""
    result = yield
    taken = {name for group in (parser._anonymous, *parser._groups) for o in group.options for name in o.names()}
    for option in OPTIONS:
        if option.alias and option.alias not in taken:
            parser.getgroup(_GROUP).addoption(
                option.alias, dest=option.dest, metavar=option.value, help=f"The same as {option.flag}."
            )
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; with ``--modelbench``, check options and settings and set up the session."""
    config.addinivalue_line(
        "markers",
        "modelbench(suite=..., band=..., timeout=...): a benchmark test, run by --modelbench only. suite: name or list "
        "of names; band: tolerated change of times, or a mapping from metric to band; timeout: as in '5m'.",
    )
    if not config.option.modelbench:
        for flag in (
            *("--update-baselines", "--modelbench-inline", "--modelbench-even-if-disturbed", "--modelbench-bisect"),
            *("--modelbench-model", "--modelbench-yes"),
        ):
            if getattr(config.option, flag.lstrip("-").replace("-", "_")):
                raise pytest.UsageError(f"{flag} needs --modelbench")
        return
    if not _is_worker(config):
        if config.option.modelbench_bisect:
            from pytest_modelbench.session.bisect_hooks import BisectSession

            session = BisectSession.from_config(config)
        else:
            from pytest_modelbench.session.hooks import BenchSession

            session = BenchSession.from_config(config)
        config.pluginmanager.register(session, "modelbench-session")
    if getattr(config.option, "modelbench_listed", None):
        from pytest_modelbench.session.listed_models import ListedModels

        config.pluginmanager.register(ListedModels(), "modelbench-models")


def pytest_collection_finish(session: pytest.Session) -> None:
    """In a worker: import what its tests will ask for, before it is kept to one core: pairs do so side by side."""
    if _is_worker(session.config):
        from pytest_modelbench.bench.ahead import import_ahead

        job = session.config._modelbench_worker.job  # type: ignore[attr-defined]
        import_ahead(job.settings["device"], {name for item in session.items for name in _fixtures(item)})


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """In a worker: with everything imported, choose the device, and tell the controller where it measures."""
    if _is_worker(session.config):
        from pytest_modelbench.bench.home import Home
        from pytest_modelbench.bench.process import Paired, begin
        from pytest_modelbench.core.blocks import Enough
        from pytest_modelbench.core.errors import ModelbenchError
        from pytest_modelbench.core.settings import Settings

        worker = session.config._modelbench_worker  # type: ignore[attr-defined]
        worker.imported()
        job, site = worker.job, worker.site
        home = Home(site.home, site.own_root, site.repository)
        try:
            bench = begin(
                Settings.from_json(job.settings),
                job.process,
                worker.send,
                best_reference_s=job.best_reference_s,
                paired=Paired(worker.turns, home) if site.home else None,
                on_cores=job.cores,
            )
        except ModelbenchError as error:
            worker.refuse(str(error))
        bench.placing = job.placing
        bench.enough_of = {test: Enough(word) for test, word in job.enough.items()}
        session.config.stash[bench_key] = bench
        worker.model_files, worker.what_is_lost = bench.take_files, bench.what_is_lost
        worker.ready(bench.environment)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """A benchmark test whose weights, images or libraries cannot be had here is skipped, and says what to do."""
    return (yield from _skipping_what_is_unavailable(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A benchmark test that asks for such things itself is skipped likewise."""
    return (yield from _skipping_what_is_unavailable(item))


def _skipping_what_is_unavailable(item: pytest.Item) -> Generator[None, Any, Any]:
    if not item.config.option.modelbench:
        return (yield)
    from pytest_modelbench.core.errors import UnavailableError

    try:
        return (yield)
    except UnavailableError as error:
        pytest.skip(str(error))
    except FileNotFoundError as error:
        # In a checkout of older code a test misses what git does not know, and its own message would not say why.
        bench = item.config.stash.get(bench_key, None)
        if bench and bench.home and (why := bench.home.left_behind(error.filename)):
            pytest.skip(why)
        raise


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without ``--modelbench``: benchmark tests are deselected. ``benchmark`` fixtures get a synchronizing timer."""
    if config.option.modelbench:
        return
    benchmarks = [item for item in items if item.get_closest_marker(_GROUP) or "modelbench" in _fixtures(item)]
    if benchmarks:
        config.hook.pytest_deselected(items=benchmarks)
        chosen = set(map(id, benchmarks))
        items[:] = [item for item in items if id(item) not in chosen]
        config.stash[_deselected_key] = len(benchmarks)
        if hasattr(config, "workeroutput"):  # a worker of pytest-xdist: its controller collects nothing
            config.workeroutput[_DESELECTED] = len(benchmarks)
    # A timer chosen on the command line wins as well: a marker would overrule it.
    chosen_timer = getattr(getattr(config.option, "benchmark_timer", None), "target", time.perf_counter)
    if chosen_timer is time.perf_counter:
        for item in items:
            if "benchmark" in _fixtures(item):
                _synchronize_benchmark(item)


_DESELECTED = "modelbench_deselected"
_deselected_key = pytest.StashKey[int]()
_deselected_by_workers_key = pytest.StashKey[int]()


def pytest_report_collectionfinish(config: pytest.Config) -> str | None:
    """One line that says that benchmark tests exist, and how to run them."""
    return _told_deselected(config.stash.get(_deselected_key, 0))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear of a worker of pytest-xdist how many it left out; each collects all."""
    count = getattr(node, "workeroutput", {}).get(_DESELECTED, 0)
    node.config.stash[_deselected_by_workers_key] = max(count, node.config.stash.get(_deselected_by_workers_key, 0))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say it at the end where workers collected."""
    if told := _told_deselected(config.stash.get(_deselected_by_workers_key, 0)):
        terminalreporter.write_line(told)


def _told_deselected(count: int) -> str | None:
    if not count:
        return None
    return f"modelbench: {count} benchmark test{'s' if count > 1 else ''} deselected; run them with --modelbench"


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "_modelbench_worker")


def _synchronize_benchmark(item: pytest.Item) -> None:
    """Give pytest-benchmark's fixture a timer that waits for the accelerator, unless the test names a timer itself.

    pytest-benchmark reads the nearest marker alone: ours comes before it and repeats what it says.
    """
    mark = item.get_closest_marker("benchmark")
    if mark is None or ("timer" not in mark.kwargs and not mark.args):
        options = {"timer": synchronized_time, **(mark.kwargs if mark else {})}
        item.add_marker(pytest.mark.benchmark(**options), append=False)


def synchronized_time() -> float:
    """Seconds of a monotonic clock, after everything that an accelerator was given to do is done."""
    torch = sys.modules.get("torch")  # a test that does not use torch is not made to import it
    if torch is not None and hasattr(torch, "accelerator"):
        if torch.backends.cuda.is_built():
            # To ask whether there is a GPU takes a microsecond, and keeps the process from forking later.
            if torch.cuda.is_initialized():
                torch.cuda.synchronize()
        elif torch.accelerator.is_available():
            torch.accelerator.synchronize()
    return time.perf_counter()


# --- fixtures


@pytest.fixture
def _modelbench_state(request: pytest.FixtureRequest) -> Iterator[None]:
    """Threads, precision switches, gradient mode, random state and the like are put back after the test, and told."""
    from pytest_modelbench.core.errors import LeftBehindWarning
    from pytest_modelbench.measure.state import preserved_state

    with preserved_state() as changes:
        yield
    if changes:
        said = "; ".join(changes)
        said = f"{request.node.nodeid} left global state behind: {said}. It is put back"
        warnings.warn(LeftBehindWarning(said), stacklevel=1)


@pytest.fixture(scope="session")
def _modelbench_bench(request: pytest.FixtureRequest) -> Bench:
    """This measuring process. Outside of ``--modelbench``, one that measures but records nothing."""
    session = request.config.pluginmanager.get_plugin("modelbench-session")
    bench = session.bench if session is not None else request.config.stash.get(bench_key, None)
    if bench is None:
        from pytest_modelbench.bench.process import begin
        from pytest_modelbench.session.asked import settings_of

        bench = begin(settings_of(request.config), 1, lambda measurement: None, own_process=False)
        request.config.stash[bench_key] = bench
    return bench


def _note_use(request: pytest.FixtureRequest, fixture: str, used: Callable[[], bool]) -> None:
    """Let it be known of the test whether it has measured anything by ``fixture``: see `workers.reports`."""
    vars(request.node).setdefault("_modelbench_used", {})[fixture] = used


@pytest.fixture
def modelbench(request: pytest.FixtureRequest, _modelbench_state: None, _modelbench_bench: Bench) -> ModelBench:
    """Measures that are recorded and held against the baseline.

    ``latency``, ``throughput``, ``peak_memory``, ``cost``, ``accuracy`` of a model from ``build_model``;
    ``record(name, value, unit=..., better=..., band=...)`` gates any number.
    """
    from pytest_modelbench.bench.modelbench import ModelBench
    from pytest_modelbench.session.marks import read_mark

    measures = ModelBench(_modelbench_bench, request.node.nodeid, read_mark(request.node).band)
    _note_use(request, "modelbench", lambda: measures.recorded)
    return measures


@pytest.fixture
def build_model(request: pytest.FixtureRequest, _modelbench_state: None, _modelbench_bench: Bench) -> BuildModel:
    """Builds a model with inputs on the session's device: ``build_model("resnet50", batch_size=8)``.

    The model: a timm name, a callable that returns a module, or ``"package.module:callable"``. Arguments:
    ``batch_size``, ``image_size`` or ``inputs`` (shapes, or a function of ``(batch_size, generator)``), ``precision``
    (fp32, bf16, fp16, amp), ``channels_last``, ``compile``, ``cuda_graph``, ``pretrained``, ``checkpoint``, ``task``
    (detection, segmentation, ...), ``technique``, ``seed``, ``name``, and any argument of the builder, by itself or,
    where its name is one of these, in the dict ``builder_args``. Weights and inputs are seeded.
    """
    from functools import partial

    from pytest_modelbench.bench.building import build_on

    module = getattr(request, "module", None)  # a doctest has none
    return partial(build_on, _modelbench_bench, getattr(module, "__name__", ""))


@pytest.fixture
def device_timer(request: pytest.FixtureRequest, _modelbench_state: None, _modelbench_bench: Bench) -> DeviceTimer:
    """Synchronized timing: ``with device_timer as timing: ...``, then ``timing.elapsed_s``.

    Or ``device_timer(fn, *args).per_call_s``: seconds per call, the median of 10 (``repeat=``).
    """
    from pytest_modelbench.measure.timer import DeviceTimer

    timer = DeviceTimer(_modelbench_bench.device)
    _note_use(request, "device_timer", lambda: timer.used)
    return timer


@pytest.fixture
def peak_memory(request: pytest.FixtureRequest, _modelbench_state: None, _modelbench_bench: Bench) -> PeakMemory:
    """``peak_memory(fn)``: peak bytes while ``fn`` runs.

    On CUDA the allocator's peak, reserved and device-level bytes; elsewhere what PyTorch keeps alive at most.
    """
    from pytest_modelbench.bench.peak import PeakMemory

    peak = PeakMemory(_modelbench_bench.device)
    _note_use(request, "peak_memory", lambda: peak.used)
    return peak
