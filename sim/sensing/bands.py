"""Several bands and the applied amplitude in one vector: what reinforcement learning usually observes."""

from collections.abc import Mapping, Sequence

from .applied import Applied
from .compose import Stack
from .envelope import Envelope

RHYTHMS: dict[str, tuple[float, float]] = {
    "delta": (1.0, 4.0), "theta": (4.0, 8.0), "alpha": (8.0, 13.0), "beta": (13.0, 30.0), "gamma": (30.0, 45.0),
}  # fmt: skip
"""Hz, the customary bands of the electroencephalogram."""


def band_features(
    sfreq: float, n_times: int, *, bands: Mapping[str, Sequence[float]] = RHYTHMS, n_channels: int = 1, n_stim: int = 1,
    tau: float = 0.2, squared: bool = False,
) -> Stack:  # fmt: skip
    """The :class:`Envelope` of every band of every channel, band by band, then the ``n_stim`` applied amplitudes."""
    envelopes = [
        Envelope.create(band, sfreq, n_times, tau=tau, n_channels=n_channels, squared=squared)
        for band in bands.values()
    ]
    return Stack(parts=(*envelopes, Applied(n_stim=n_stim)))
