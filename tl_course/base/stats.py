"""How sure a share of right answers is, when only so many were asked."""

from __future__ import annotations

import math

Z = 1.959964  # 95% of a normal distribution lie within ± Z standard deviations


def wilson(right: int, tested: int) -> tuple[float, float]:
    """Wilson's 95% interval for a share, `right` of `tested` independent answers: low, high.

    Unlike ± 2 standard errors it stays between 0 and 1, and says something at 0 or `tested` right
    (E. B. Wilson, Journal of the American Statistical Association 22, 1927). Without a test it is
    (0, 1): nothing is known.
    """
    if tested == 0:
        return 0.0, 1.0
    share, z2 = right / tested, Z * Z / tested
    middle = share + z2 / 2
    half = Z * math.sqrt(share * (1 - share) / tested + z2 / 4 / tested)
    low = (middle - half) / (1 + z2) if right else 0.0  # at the ends exactly, not but for a digit
    return low, (middle + half) / (1 + z2) if right < tested else 1.0
