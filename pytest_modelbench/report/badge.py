"""A session in one word, as a picture: SVG for a README."""

from __future__ import annotations

from collections import Counter
from xml.sax.saxutils import escape, quoteattr

from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Outcome, Session
from pytest_modelbench.report.summary import Standing, standing

#: Colours that people who see few of them tell apart, on which white text has a contrast of at least 4.5; the mark says
#: the same without colour.
_GOOD, _BAD, _OPEN, _NOTHING = ("#0a6aa1", "✓"), ("#b3400a", "✗"), ("#6b5a00", "?"), ("#555555", "–")
_TROUBLE = {
    Standing.REGRESSED: ("regressed", _BAD),
    Standing.MISSING: ("without baseline", _BAD),
    Standing.INCOMPARABLE: ("incomparable", _BAD),
    Standing.INCONCLUSIVE: ("inconclusive", _OPEN),
}
_HEIGHT, _PADDING = 20, 7
#: Pixels that characters take at 11 px, of Verdana and what stands in for it; the text is fitted to its place.
_WIDTHS = {"ijl|'!.,:;": 3.4, "ftr ()-": 4.5, "mwMW": 10.0}
_WIDTH, _WIDE = 7.0, 11.0
_CORNER = 3
_MOST_CHARACTERS = 60
#: Kinds of trouble that are named.
_MOST_TOLD = 2


def render(session: Session, label: str = "modelbench") -> str:
    """The badge: ``label``, and what came out: ``128 ok``, ``2 regressed, 1 inconclusive``, ``nothing gated``."""
    text, (colour, mark) = _message(session)
    label, right = printable(label)[:_MOST_CHARACTERS], f"{mark} {text}"
    left_px, right_px = _pixels(label), _pixels(right)
    whole = left_px + right_px
    name = f"{label}: {text}"
    # Corners are drawn rather than clipped: a clip has an id, and a page may have several badges in it.
    left_edge = f"M{left_px} 0H{_CORNER}a3 3 0 0 0-3 3v14a3 3 0 0 0 3 3H{left_px}z"
    right_edge = f"M{left_px} 0H{whole - _CORNER}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left_px}z"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{_HEIGHT}" role="img" '
        f"aria-label={quoteattr(name)}>\n"
        f"<title>{escape(name)}</title>\n"
        f'<path fill="#333333" d="{left_edge}"/>\n'
        f'<path fill="{colour}" d="{right_edge}"/>\n'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">\n'
        f"{_text(label, 0, left_px)}\n{_text(right, left_px, right_px)}\n</g>\n</svg>\n"
    )


def _message(session: Session) -> tuple[str, tuple[str, str]]:
    failed = sum(test.outcome is Outcome.FAILED and not test.by_verdict for test in session.tests)
    counts = Counter(standing(check, session) for check in session.checks)
    trouble = [(f"{failed} failed", _BAD)] if failed else []
    trouble += [(f"{counts[how]} {word}", look) for how, (word, look) in _TROUBLE.items() if counts[how]]
    if session.interrupted:
        trouble.append(("interrupted", _OPEN))
    if trouble:
        more = " ..." if len(trouble) > _MOST_TOLD else ""
        return ", ".join(text for text, _ in trouble[:_MOST_TOLD]) + more, trouble[0][1]
    fine = counts[Standing.OK] + counts[Standing.UNCHANGED] + counts[Standing.IMPROVED]
    new = f", {counts[Standing.NEW]} new" if counts[Standing.NEW] else ""
    return (f"{fine} ok{new}", _GOOD) if fine else ("nothing gated", _NOTHING)


def _pixels(text: str) -> int:
    return round(sum(map(_pixels_of, text))) + 2 * _PADDING


def _pixels_of(character: str) -> float:
    if ord(character) > 0x2FFF:
        return _WIDE
    return next((width for some, width in _WIDTHS.items() if character in some), _WIDTH)


def _text(text: str, left_px: int, width_px: int) -> str:
    room = width_px - 2 * _PADDING
    return f'<text x="{left_px + _PADDING}" y="14" textLength="{room}">{escape(text)}</text>'
