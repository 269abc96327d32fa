"""A session as Parquet: the table that CSV has, with types."""

from __future__ import annotations

import io

from pytest_modelbench.core.errors import MissingExtraError
from pytest_modelbench.core.session import Session
from pytest_modelbench.report.export.rows import COLUMNS, Kind, rows


def render(session: Session) -> bytes:
    """The file; MissingExtraError without pyarrow."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet") from None
    types = {
        Kind.TEXT: pyarrow.string(),
        Kind.NUMBER: pyarrow.float64(),
        Kind.COUNT: pyarrow.int64(),
        Kind.TRUTH: pyarrow.bool_(),
    }
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in COLUMNS])
    names = [column.name for column in COLUMNS]
    table = pyarrow.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows(session)], schema=schema)
    stream = io.BytesIO()
    parquet.write_table(table, stream)
    return stream.getvalue()
