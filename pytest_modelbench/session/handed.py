"""What plugins hand to workers: under pytest-xdist each does so in a hook of its own, which is asked here, too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def worker_input(config: pytest.Config, own: Mapping[str, Any]) -> dict[str, Any]:
    """What plugins put into ``workerinput`` in their ``pytest_configure_node``, as far as it can be sent.

    ``own`` is what they find there: pytest-xdist's own keys, ``workerid`` among them, by which they tell workers apart.
    Called when all are configured. What raises for a worker that is none of pytest-xdist's hands over nothing.
    """
    given: dict[str, Any] = {}
    hook = getattr(config.hook, "pytest_configure_node", None)
    for one in hook.get_hookimpls() if hook is not None else ():
        if one.plugin_name.startswith("xdist") or one.hookwrapper or one.wrapper:
            continue
        node = SimpleNamespace(config=config, workerinput=dict(own), gateway=SimpleNamespace(id=own["workerid"]))
        try:
            one.function(*(node for _ in one.argnames))
            handed = {key: value for key, value in node.workerinput.items() if key not in own}
            json.dumps(handed, allow_nan=False)
        except Exception:
            continue
        given |= handed
    return given
