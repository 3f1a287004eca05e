"""The streaming contract every decoder and every adaptation method follows: predict, then update."""

from typing import Any, NamedTuple, Protocol, TypeVar

from jax import Array

S = TypeVar("S")


class Variables(NamedTuple):
    """What a trained decoder consists of, split by which kind of adaptation may move it.

    align:  (n_channels, n_channels) whitening applied to the window first (moved by alignment)
    params: dict layer name -> pytree, ordered as ``decoder.layers`` (moved by fine-tuning, recalibration)
    stats:  dict norm name -> {"mean", "var"} feature statistics (moved by renormalisation)
    """

    align: Array
    params: dict[str, Any]
    stats: dict[str, Any]


class Trials(NamedTuple):
    """Labelled windows. x (n_trials, n_channels, n_times) V or filtered V; y (n_trials,) int32 class;
    weight (n_trials,) float32, 0 leaves a trial out (so that buffers have one shape)."""

    x: Array
    y: Array
    weight: Array


class Feedback(NamedTuple):
    """What the outside world tells the adapter after a prediction.

    label:       () int32, the class of ``window`` as the experimenter recorded it (it may be wrong)
    available:   () bool, False when no label came (missing, or still delayed)
    window:      (n_channels, n_times) the window the label belongs to: with a delay, an earlier one
    session_end: () bool, True when the headset comes off after this window (operator's knowledge)
    error:       () int32, 1 where a sign of an error followed the prediction of this very window (an error potential,
                 a correction by the user), 0 where one was looked for and none was seen, -1 where nobody looked; it
                 may be wrong either way
    """

    label: Array
    available: Array
    window: Array
    session_end: Array
    error: Array | int = -1


class Decoder(Protocol):
    """A classifier of one window; shapes are static, everything learned is in ``Variables``.

    All methods are jittable. ``layers`` names the keys of ``params`` from the input up; the last is the readout.
    """

    @property
    def layers(self) -> tuple[str, ...]: ...
    @property
    def n_classes(self) -> int: ...

    def init(self, key: Array) -> Variables:
        """Untrained variables with ``align`` the identity."""
        ...

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window x (n_channels, n_times); a key switches dropout on."""
        ...

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """This one window's own statistics, shaped as ``variables.stats``."""
        ...

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Train params and stats on trials (``align`` is kept and applied); nets start from ``variables``."""
        ...

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """Recalibrate the last layer alone on a few trials, everything below kept."""
        ...


class Adapter(Protocol[S]):
    """A recalibration method. ``init`` -> state; ``predict`` never changes the state; ``update`` learns."""

    def init(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> S: ...

    def predict(self, state: S, x: Array) -> Array:
        """Logits (n_classes,) for window x, seen before its label."""
        ...

    def update(self, state: S, x: Array, feedback: Feedback) -> S:
        """Learn from the window just predicted, and from ``feedback`` where it is available."""
        ...
