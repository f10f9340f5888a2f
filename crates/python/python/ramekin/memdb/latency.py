"""How long calls take: some of them are measured, and counted in buckets of a quarter of a power of two.

A percentile is a bucket's upper bound, at most a fifth too high. What must hold: measuring costs less than the call; memory
stays the same however many calls there are. Left out: what the engine measures of itself, which `INFO latencystats` has.
"""

from __future__ import annotations

from math import frexp

# One call in so many is measured. Odd, so that calls which alternate are all measured.
EVERY = 17
_PER_DOUBLING = 4
_BUCKETS = 40 * _PER_DOUBLING


class Latency:
    """The buckets of one kind of call."""

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS

    def add(self, nanoseconds: int) -> None:
        fraction, exponent = frexp(max(nanoseconds, 1))
        self.counts[min(exponent * _PER_DOUBLING + int((fraction - 0.5) * 2 * _PER_DOUBLING), _BUCKETS - 1)] += 1

    def percentiles(self) -> dict[str, float]:
        """`{"p50": …, "p99": …, "p99.9": …}` in milliseconds; empty before anything was measured.

        >>> one = Latency(); one.add(1_000_000); one.percentiles()["p50"] >= 1.0
        True
        """
        total = sum(self.counts)
        if not total:
            return {}
        return {name: self._at(share * total) for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))}

    def _at(self, rank: float) -> float:
        seen = 0
        for bucket, found in enumerate(self.counts):
            seen += found
            if found and seen >= rank:
                exponent, quarter = divmod(bucket, _PER_DOUBLING)
                nanoseconds = 2.0**exponent * (0.5 + (quarter + 1) / _PER_DOUBLING / 2)
                return float(f"{nanoseconds / 1e6:.3g}")
        return 0.0
