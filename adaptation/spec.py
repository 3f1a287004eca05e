"""What the catalogue says of a method and of a decoder."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from .contract import Adapter, Decoder
from .methods.composed import Composed


class MethodSpec(NamedTuple):
    """A recalibration method as scenarios list it.

    causal: "causal", or "transductive" for one that knows the future (the oracle, whose ``make`` takes the
    fields of Scheduled; every other takes nothing). labels: what it asks of the user, in words. parts: which of
    align, params, stats it moves. needs: the decoders that it fits: "any", "network" (those trained by gradients),
    "covariance" (those that see a window only through its covariance), or names of decoders.
    learns_from: the least feedback without which it is as good as another method: "windows" (no feedback at all),
    "errors" (a signal that tells right from wrong) or "labels". failure: how it is known to fail, in a sentence.
    """

    name: str
    title: str
    summary: str
    causal: str
    labels: str
    parts: tuple[str, ...]
    make: Callable[..., Adapter]
    needs: Literal["any", "network", "covariance"] | tuple[str, ...] = "any"
    learns_from: Literal["windows", "errors", "labels"] = "windows"
    failure: str = ""

    def fits(self, decoder: "DecoderSpec") -> bool:
        """Whether it can run on this decoder."""
        if isinstance(self.needs, tuple):
            return decoder.name in self.needs
        return {"any": True, "network": not decoder.covariance_only, "covariance": decoder.covariance_only}[self.needs]


class DecoderSpec(NamedTuple):
    """A decoder with what it wants of its input: band and lowest sampling rate in Hz, alignment mean.

    covariance_only: it sees a window only through its covariance, so compressed windows serve it as well.
    """

    name: str
    title: str
    make: Callable[[int, int, int, float], Decoder]
    l_freq: float
    h_freq: float
    min_sfreq: float
    alignment: str
    covariance_only: bool = False


def composed(*parts: Callable[[], Any]) -> Callable[[], Adapter]:
    """What makes an adapter of fresh parts."""
    return lambda: Composed(parts=tuple(part() for part in parts))
