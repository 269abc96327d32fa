"""A session as a run of MLflow: where it was measured as parameters, each check as a metric."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar

from pytest_modelbench.core.environment import PACKAGES
from pytest_modelbench.core.errors import BaselineError, MissingExtraError, ServiceError
from pytest_modelbench.core.locations import without_secret
from pytest_modelbench.core.packages import summary
from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Session
from pytest_modelbench.report.export.names import at_most, digest, named_tests
from pytest_modelbench.report.summary import tally

#: The tag that a session is known by: it is added once.
SESSION_TAG = "modelbench.session"
#: MLflow's limits: characters of a key and of a parameter (those of its older versions), and entries in a request.
#: The key of a ratio is that of its value, with more behind it.
_MOST_OF_A_KEY, _MOST_OF_A_PARAMETER, _MOST_METRICS, _MOST_PARAMETERS = 250 - len(".ratio"), 500, 1000, 100
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Run:
    """What a session comes to in MLflow. ``ended_ms`` and ``started_ms`` are since 1970."""

    name: str
    started_ms: int
    ended_ms: int
    finished: bool
    tags: dict[str, str]
    parameters: dict[str, str]
    metrics: dict[str, float]


def run_of(session: Session) -> Run:
    """``session`` as a run: metrics are ``FILE/TEST/CHECK``, in base units, and ``FILE/TEST/CHECK.ratio``."""
    stamp = session.stamp
    started_ms = _ms(stamp.started)
    tags = {SESSION_TAG: stamp.id, "modelbench.tally": tally(session)}
    if stamp.commit:
        tags |= {"mlflow.source.git.commit": stamp.commit, "modelbench.dirty": str(stamp.dirty).lower()}
    metrics: dict[str, float] = {}
    for test, check in named_tests(session):
        name = f"{test}/{check.key.name}"
        key = _key(name)
        if key in metrics:  # of another test, which differs by signs that MLflow does not take
            key = f"{_key(name, _MOST_OF_A_KEY - len(digest(name)) - 1)} {digest(name)}"
        metrics[key] = float(check.judgement.value)
        if check.judgement.ratio is not None:
            metrics[f"{key}.ratio"] = float(check.judgement.ratio)
    return Run(
        stamp.id,
        started_ms,
        started_ms + round(1000 * session.duration_s),
        not session.interrupted,
        tags,
        dict(_parameters(session)),
        metrics,
    )


def _ms(started: str) -> int:
    """``started`` since 1970; BaselineError for what a stranger's results file has in its place."""
    try:
        moment = datetime.fromisoformat(started.replace("Z", "+00:00"))
    except ValueError:
        raise BaselineError(
            f"the session began at {printable(started)!r}, which is no time; export the file that a session wrote"
        ) from None
    return round(moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp() * 1000)


def log(run: Run, tracking_uri: str, experiment: str) -> str:
    """The id of ``run`` where ``tracking_uri`` leads to, and of one of the same session that is there already.

    Raises MissingExtraError without MLflow, ServiceError for a server or a store that does not take it.
    """
    # MLflow tries seven times, ever more slowly, which is minutes in front of a server that is not there.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise MissingExtraError("MLflow", "mlflow") from None
    try:
        client = MlflowClient(tracking_uri=tracking_uri)
        known = client.get_experiment_by_name(experiment)
        where = known.experiment_id if known else client.create_experiment(experiment)
        # One that still runs is what an export left that was cut off.
        known_by = f"tags.`{SESSION_TAG}` = '{run.tags[SESSION_TAG]}' and attributes.status != 'RUNNING'"
        there = client.search_runs([where], known_by, max_results=1)
        return str(there[0].info.run_id) if there else _add(client, where, run)
    except (MlflowException, OSError) as error:
        told = f"MLflow at {tracking_uri} does not take the session: {error}"
        raise ServiceError(without_secret(printable(told))) from None


def _add(client: Any, experiment_id: str, run: Run) -> str:
    from mlflow.entities import Metric, Param

    added = client.create_run(experiment_id, start_time=run.started_ms, tags=run.tags, run_name=run.name)
    id_: str = added.info.run_id
    for some in _in_parts(list(run.parameters.items()), _MOST_PARAMETERS):
        client.log_batch(id_, params=[Param(*one) for one in some])
    for some_values in _in_parts(list(run.metrics.items()), _MOST_METRICS):
        client.log_batch(id_, metrics=[Metric(key, value, run.started_ms, 0) for key, value in some_values])
    client.set_terminated(id_, "FINISHED" if run.finished else "KILLED", end_time=run.ended_ms)
    return id_


def _in_parts(items: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    for at in range(0, len(items), most):
        yield items[at : at + most]


def _key(text: str, most: int = _MOST_OF_A_KEY) -> str:
    """``text`` with what MLflow takes in a key: letters, digits and some signs, and no way up or out of a folder."""
    # Colons are taken by newer versions alone.
    key = re.sub(r"[^\w.\-/ ]", "_", printable(text).replace("::", "/"))
    return at_most(re.sub(r"\.\.+|//+", "_", key).strip("/. "), most)


def _parameters(session: Session) -> Iterator[tuple[str, str]]:
    """Facts of where it was measured, those of several environments with the name of each."""
    several = len(session.environments) > 1
    for environment in session.environments:
        lead = f"{environment.slug}/" if several else ""
        yield _key(f"{lead}environment"), at_most(environment.name, _MOST_OF_A_PARAMETER)
        for name, fact in {**environment.identity, **environment.provenance}.items():
            if fact is not None:
                told = summary(str(fact)) if name == PACKAGES else str(fact)
                yield _key(f"{lead}{name}"), at_most(told, _MOST_OF_A_PARAMETER)
