"""Recipes: how a value came about, as one line of words and numbers, and when two of them are the same."""

from __future__ import annotations

#: Begins a number that was measured, ``~0.054``, where one that was chosen stands as it is, ``lr=0.1``.
_ABOUT = "~"
#: By so many of their last digit two measured numbers may differ: machines round in another order.
_APART = 3


def about(value: float, decimals: int) -> str:
    """``value`` as a recipe has a number that was measured; the last of its ``decimals`` is known to some units."""
    decimals = max(0, decimals)
    # Adding 0.0 makes -0.0 positive.
    return f"{_ABOUT}{round(value, decimals) + 0.0:.{decimals}f}"


def same_recipe(one: str, other: str) -> bool:
    """Whether all words are the same, and measured numbers within three units of their last digit."""
    words, others = one.split(), other.split()
    return len(words) == len(others) and all(map(_same, words, others))


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    if not (one.startswith(_ABOUT) and other.startswith(_ABOUT)):
        return False
    numbers = [text.strip(f"{_ABOUT},") for text in (one, other)]
    try:
        then, now = map(float, numbers)
    except ValueError:
        return False
    decimals = {len(text.partition(".")[2]) for text in numbers}
    unit = 10.0 ** -min(decimals)
    return len(decimals) == 1 and abs(then - now) < (_APART + 0.5) * unit
