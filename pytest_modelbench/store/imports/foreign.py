"""What other tools measured, as nights: in environments of their own, which say so, and with no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from pydantic import ValidationError

from pytest_modelbench.core.environment import Fact, slugify
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.session import Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.documents import DocumentKind
from pytest_modelbench.store.night_files import Night, Point, columns_of, hash_of

OTHERS = DocumentKind("file of another tool", 1, "It is left out; nothing of it was imported")
#: What a folder of that name may still be made of.
_LONGEST_SLUG = 120


def started(moment: datetime) -> str:
    """``moment`` as sessions have it: in UTC, which is what one without a zone is in."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def slug_of(tool: str, *parts: object) -> str:
    """The name of an environment that ``tool`` measured in; a long one is cut, and ends with a hash of all of it."""
    whole = " ".join(["imported", tool, *(str(part) for part in parts if part)])
    slug = slugify(whole)
    if len(slug) <= _LONGEST_SLUG:
        return slug
    return f"{slug[:_LONGEST_SLUG].rstrip('-')}-{hash_of(whole.encode('utf-8', 'surrogatepass'))}"


def fact(value: object) -> Fact:
    """``value``, if it is one that a fact can have."""
    return value if isinstance(value, (str, int, float)) else None


def point(slug: str, case: str, unit: str, value: float) -> Point:
    """One value, of which less is better: that is all that other tools know."""
    return Point(slug, case, unit, "lower", float(value), Verdict.NEW.value)


def night(
    told: str,
    tool: str,
    stamp: Stamp,
    slug: str,
    identity: Mapping[str, Fact],
    provenance: Mapping[str, Fact],
    points: Mapping[tuple[str, str], Point],
) -> Night:
    """The night of the file ``told``, which ``tool`` wrote; BaselineError for one with nothing in it."""
    if not points:
        raise BaselineError(f"{told}: holds no value")
    try:
        return Night(
            session=stamp.id,
            started=stamp.started,
            commit=stamp.commit,
            dirty=stamp.dirty,
            against="",
            environment=slug,
            identity=dict(identity),
            provenance=dict(provenance),
            checks=list(points),
            columns=columns_of(points.values()),
            imported=tool,
        )
    except ValidationError as error:
        raise OTHERS.invalid(told, error) from None
