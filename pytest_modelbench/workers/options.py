"""How a worker's pytest is configured: by the controller's options, the same values, or a refusal by name."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.errors import UsageError

#: Which tests run, when to stop, what to write: decided by the controller. What selects by mark, keyword or name is
#: handed over all the same, for hooks and fixtures that look at it.
_CONTROLLER_ONLY = frozenset(
    """
    basetemp cacheclear cacheshow collectonly continue_on_collection_errors debug durations failedfirst
    file_or_dir help ignore ignore_glob junitprefix last_failed_no_failures lf looponfail
    maxfail newfirst no_summary numprocesses pastebin plugins report_log setuponly setupplan setupshow showfixtures
    show_fixtures_per_test stepwise stepwise_reset stepwise_skip trace usepdb usepdb_cls version
    """.split()  # noqa: SIM905 - a word list reads better than sixty quotes
)
#: The same of plugins, by the name that each is registered under: somebody else's option may be called alike.
_OF_PLUGINS = {
    "pytest_cov": "cov_source cov_report cov_config no_cov_on_fail no_cov cov_fail_under cov_append cov_branch "
    "cov_context cov_reset cov_precision",
    "syrupy": "update_snapshots",
    "allure_pytest": "allure_report_dir clean_alluredir",
    "html": "htmlpath self_contained_html css",
    "timeout": "session_timeout",
    "pytest_jsonreport": "json_report json_report_file json_report_omit json_report_summary json_report_indent "
    "json_report_verbosity",
}
#: The key of what JSON cannot hold, in an object by itself.
_PICKLED = "pickled"


def options_to_hand_over(config: pytest.Config) -> dict[str, Any]:
    """Option values that a worker takes over, as JSON, by destination; `handed_over` reads them.

    Left out is what only concerns the controller, and what no option is and JSON cannot hold: a plugin has put it
    there, and puts it there in the worker. Raises UsageError, with the option's name, for what cannot be handed over.
    """
    manager = config.pluginmanager
    # One that stands aside here is blocked by now.
    there = [name for name in _OF_PLUGINS if manager.has_plugin(name) or manager.is_blocked(name)]
    ours = _CONTROLLER_ONLY.union(*(_OF_PLUGINS[name].split() for name in there))
    defaults = dict(_defaults(config))
    found = {}
    for name, value in vars(config.option).items():
        if name in ours:
            continue
        if _is_plain(value):
            found[name] = value
        elif name in defaults and not _equal(value, defaults[name]):
            found[name] = {_PICKLED: _pickled(name, value)}
    return found


#: Plugins without which a worker starts: pytest-pretty puts a terminal reporter where there is no terminal, and
#: pytest-retry looks for the server that it starts for ``-n`` alone.
ASIDE_IN_WORKERS = ("pretty", "pytest-retry")


def handed_over(options: Mapping[str, Any]) -> dict[str, Any]:
    """What `options_to_hand_over` took; raises UsageError, with the option's name, for what cannot be read here."""
    return {name: _unpickled(name, value) if _is_pickled(value) else value for name, value in options.items()}


def worker_arguments(
    config: pytest.Config,
    modules: Iterable[Path],
    path_of: Callable[[Path], Path | None] = lambda path: path,
    root: Path | None = None,
    aside: Iterable[str] = (),
) -> list[str]:
    """Command line of a worker's pytest: what must be known before options can be taken over, and the test files.

    ``path_of`` maps the paths of configuration to those of the code that the worker runs; ``root`` is what the tests'
    ids start from, where that is not the root directory; ``aside`` are plugins that these tests do without.
    """
    option, root = config.option, root or config.rootpath
    arguments = ["-p", "no:terminal", "-o", "addopts=", "--rootdir", str(path_of(root) or root)]
    ini = path_of(config.inipath) if config.inipath else None
    arguments += ["-c", str(ini)] if ini and ini.exists() else []
    arguments += ["--disable-plugin-autoload"] if getattr(option, "disable_plugin_autoload", False) else []
    for plugin in [*option.plugins, *_plugins_of_workers(config, aside)]:
        arguments += ["-p", plugin]
    for override in option.override_ini or []:
        arguments += ["-o", override] if not override.startswith("addopts") else []
    # The tool itself is imported before pytest rewrites assertions, and the controller has told what else is.
    for warning in [*(option.pythonwarnings or []), "ignore::pytest.PytestAssertRewriteWarning"]:
        arguments += ["-W", warning]
    if option.confcutdir:
        cut = Path(option.confcutdir).absolute()  # the worker may run in another folder
        arguments += ["--confcutdir", str(path_of(cut) or cut)]
    arguments += ["--noconftest"] if option.noconftest else []
    arguments += [f"--import-mode={option.importmode}"]
    arguments += [f"--capture={option.capture}"] if hasattr(option, "capture") else []
    return [*arguments, *map(str, dict.fromkeys(modules))]


def _plugins_of_workers(config: pytest.Config, aside: Iterable[str]) -> list[str]:
    """Plugins that are another way in workers, as the argument ``-p`` names them."""
    without = [f"no:{name}" for name in (*ASIDE_IN_WORKERS, *aside) if config.pluginmanager.has_plugin(name)]
    if not config.pluginmanager.has_plugin("xdist"):
        return without
    # A worker looks like xdist's. Plugins that find xdist beside that, such as pytest-rerunfailures, look for what
    # xdist's controller would have told it: they are not to find it, but tests are to have its fixtures.
    return [*without, "no:xdist", "xdist.plugin"]


def _defaults(config: pytest.Config) -> Iterator[tuple[str, Any]]:
    """Every option by its destination, with its default: a worker's parser has the same."""
    parser: Any = config._parser
    for group in (parser._anonymous, *parser._groups):
        for option in group.options:
            yield option.dest, option.attrs().get("default")


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # an array, say, whose comparison is none
        return False


def _pickled(name: str, value: Any) -> str:
    try:
        return base64.b64encode(pickle.dumps(value)).decode()
    except Exception as error:
        raise UsageError(
            f"the value of the option {name!r}, a {type(value).__name__}, cannot be handed over to worker processes "
            f"({type(error).__name__}: {error}), which would measure another configuration. Keep it as text, and make "
            "it what it is where it is used; or measure in this process with --modelbench-inline"
        ) from error


def _unpickled(name: str, value: Mapping[str, str]) -> Any:
    try:
        return pickle.loads(base64.b64decode(value[_PICKLED]))
    except Exception as error:
        raise UsageError(
            f"the value of the option {name!r} cannot be read in a worker process ({type(error).__name__}: {error}). "
            "Its class has to be importable there; or keep it as text, and make it what it is where it is used"
        ) from error


def _is_pickled(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {_PICKLED}


def _is_plain(value: object) -> bool:
    """Whether JSON gives back the very same."""
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is dict:
        return not _is_pickled(value) and all(type(key) is str and _is_plain(item) for key, item in value.items())
    return value is None or type(value) in (bool, int, float, str)
