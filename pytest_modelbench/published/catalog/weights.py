"""Where the weights lie that a row's accuracy needs, and that nobody can be sent with the package."""

from __future__ import annotations

from pathlib import Path

from pytest_modelbench.core.errors import DataUnavailableError, UsageError


def trained_weights(data: Path | None, name: str) -> Path:
    """``NAME.safetensors`` in the folder of ``--modelbench-data``, for a model that results call ``name``.

    ``data`` is that folder, or a file in it. Raises DataUnavailableError, which skips the test, where the weights are
    not there, and UsageError where ``data`` is not.
    """
    if data is None:
        raise DataUnavailableError(
            f"no weights for {name}: give the folder of its data with --modelbench-data DIR, and in it the trained "
            f"weights as {name}.safetensors"
        )
    if not data.exists():
        raise UsageError(f"there is no {data}: correct the path of --modelbench-data")
    path = (data if data.is_dir() else data.parent) / f"{name}.safetensors"
    if not path.is_file():
        raise DataUnavailableError(f"no weights for {name}: put the trained ones at {path}")
    return path
