"""What has been delivered in a sliding window, in buckets: never less than in any window of that length."""

from typing import NamedTuple

from .limits import N_BUCKETS, Span


class Count(NamedTuple):
    buckets: tuple[int, ...] = (0,) * (N_BUCKETS + 1)
    slot: int = 0  # the present bucket
    position: int = 0  # ticks into it

    @property
    def total(self) -> int:
        return sum(self.buckets)

    def advance(self, span: Span, elapsed: int) -> "Count":
        """Moved on by ``elapsed`` ticks: the buckets that have left the window are emptied."""
        steps, position = divmod(self.position + elapsed, span.length)
        buckets = list(self.buckets)
        for step in range(min(steps, span.slots)):
            buckets[(self.slot + 1 + step) % span.slots] = 0
        return Count(tuple(buckets), (self.slot + steps) % span.slots, position)

    def add(self, amount: int) -> "Count":
        buckets = list(self.buckets)
        buckets[self.slot] += amount
        return self._replace(buckets=tuple(buckets))
