"""Pretrained weights from the hub: a quick, clear no where there is no network."""

from __future__ import annotations

import contextlib
import urllib.error
from collections.abc import Callable
from typing import Any, TypeVar

import huggingface_hub
import timm
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

from pytest_modelbench.core.errors import WeightsUnavailableError, hide_own_frames

__tracebackhide__ = hide_own_frames

T = TypeVar("T")

#: What a fetch can raise. The HTTP library below huggingface_hub changes between its releases (requests, httpx, ...);
#: the base of its errors is a base of HfHubHTTPError in all of them.
_FETCH_ERRORS: tuple[type[Exception], ...] = (
    *(base for base in HfHubHTTPError.__mro__ if base.__module__ != "builtins"),
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    urllib.error.URLError,
    ConnectionError,
    TimeoutError,
)

#: Names under which timm looks for weights, in its order.
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")

#: One round trip is enough to tell that a hub is there; huggingface_hub allows 10 s.
_PROBE_TIMEOUT_S = 5


def with_weights(name: str, create: Callable[[], T]) -> T:
    """What ``create`` returns, which fetches pretrained weights; raises WeightsUnavailableError if it cannot."""
    try:
        _probe(timm.get_pretrained_cfg(name))
        return create()
    except _FETCH_ERRORS as error:
        reason = str(error).strip().split("\n", 1)[0].rstrip(".")
        raise WeightsUnavailableError(
            f"{name}: the hub with its pretrained weights is unreachable ({type(error).__name__}: {reason}); pass "
            "checkpoint=PATH, or fill the cache in HF_HOME where there is a network and set HF_HUB_OFFLINE=1 here"
        ) from error


def _probe(config: Any) -> None:
    """Raises at once if the hub does not answer and the weights are not in the cache.

    huggingface_hub retries a download five times with growing pauses, for each of timm's file names: 47 s without a
    network. It has no setting for that, but its request for a file's metadata is not retried.
    """
    repository = getattr(config, "hf_hub_id", None)
    if not repository or config.file or config.state_dict:
        return
    repository, _, revision = repository.partition("@")
    files = (config.hf_hub_filename,) if config.hf_hub_filename else _WEIGHT_FILES
    if any(isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str) for file in files):
        return
    url = huggingface_hub.hf_hub_url(repository, files[0], revision=revision or None)
    with contextlib.suppress(EntryNotFoundError):  # the hub answers; timm will try the other name
        huggingface_hub.get_hf_file_metadata(url, timeout=_PROBE_TIMEOUT_S)
