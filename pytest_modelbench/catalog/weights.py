"""Where the weights lie that a row's accuracy needs, and that nobody can be sent with the package."""

from __future__ import annotations

from pathlib import Path

from pytest_modelbench.core.errors import DataUnavailableError


def trained_weights(folder: str | Path | None, name: str) -> Path:
    """``NAME.safetensors`` in the folder of ``--modelbench-data``, for a model that results call ``name``.

    Raises DataUnavailableError, which skips the test, where it is not.
    """
    if folder is None or not str(folder):
        raise DataUnavailableError(
            f"no weights for {name}: give the folder of its data with --modelbench-data DIR, and in it the trained "
            f"weights as {name}.safetensors"
        )
    path = Path(folder) / f"{name}.safetensors"
    if not path.is_file():
        raise DataUnavailableError(f"no weights for {name}: put the trained ones at {path}")
    return path
