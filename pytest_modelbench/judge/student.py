"""Student's t distribution, without SciPy: the controller starts in tenths of a second, and so does its import."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

# Enough for hundreds of degrees of freedom and for the far tail of less than one; Numerical Recipes, 3rd ed., 6.4.
_MOST_TERMS = 500
_PRECISION = 1e-15
_TINY = 1e-300
_NORMAL = NormalDist()


def t_cdf(t: float, dof: float) -> float:
    """Probability that a t variable with ``dof`` > 0 degrees of freedom is below ``t``.

    Source: Abramowitz and Stegun, 26.7.1 and 26.5.27.
    """
    if t == 0:
        return 0.5
    tail = 0.5 * _incomplete_beta(dof / 2, 0.5, dof / (dof + t * t))
    return 1 - tail if t > 0 else tail


@lru_cache(maxsize=4096)
def t_quantile(p: float, dof: float) -> float:
    """Value below which a t variable with ``dof`` degrees of freedom falls with probability ``p``, 0 < p < 1."""
    if not (0 < p < 1 and dof > 0):
        raise ValueError(f"no t quantile for p = {p}, {dof} degrees of freedom")
    if p < 0.5:
        return -t_quantile(1 - p, dof)
    # Newton's method from the normal quantile, which lies between the median and the solution: the distribution is
    # concave there, so that every step stays short of the solution and none leads back.
    log_density = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - 0.5 * math.log(dof * math.pi)
    t = _NORMAL.inv_cdf(p)
    for _ in range(_MOST_TERMS):
        density = math.exp(log_density - (dof + 1) / 2 * math.log1p(t * t / dof))
        step = (p - t_cdf(t, dof)) / density
        t += step
        if step < 1e-12 * (1 + t):
            break
    return t


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularized incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _MOST_TERMS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_zero(1 + numerator * d)
            c = _away_from_zero(1 + numerator / c)
            fraction *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return math.exp(log_front) * fraction / a


def _away_from_zero(x: float) -> float:
    return x if abs(x) > _TINY else _TINY
