"""What the equations of a neural mass model are, apart from how they are integrated, coupled and stimulated."""

from typing import ClassVar, NamedTuple, TypeVar

from jax import Array
from jax.typing import ArrayLike

from ..conditions import Conditions

Values = tuple[Array, ...]
"""One array (n_nodes,) per variable."""
M = TypeVar("M", bound="Model")


class Variable(NamedTuple):
    """A variable of the state: its letter, its unit, and the bounds that physiology (or the model's attractor, with
    a wide margin) never leaves; a run that leaves them is reported as broken."""

    name: str
    unit: str
    lower: float
    upper: float


class Inputs(NamedTuple):
    """What reaches the nodes from outside, each (n_nodes,) or 0.0.

    stim: input in the model's own unit, where the model's docstring says; field: mV, a shift of the membrane
    potential inside the firing-rate function (transcranial field); coupled: one array per signal of ``sent``, summed
    over the connectome; row: sum of each node's incoming weights (for diffusive coupling); past: the model's own
    signals of ``remembered``, each as it was ``lags`` ago.
    """

    stim: ArrayLike = 0.0
    field: ArrayLike = 0.0
    coupled: Values = ()
    row: ArrayLike = 0.0
    past: Values = ()


class Model:
    """Equations of N independent nodes. Final subclasses are components: letters are leaves, () or (n_nodes,).

    Time runs in units of ``time_unit`` seconds, as in the paper: ``slope`` is per that unit, noise densities per its
    square root, lags in it.
    """

    VARIABLES: ClassVar[tuple[Variable, ...]]
    BURN_IN_S: ClassVar[float] = 1.0
    OUTPUT_UNIT: ClassVar[str] = "mV"
    MOMENT: ClassVar[float] = 16e-9  # A·m per output unit, for an sd of 10-30 nA·m, that of a cortical patch
    MEAN: ClassVar[float] = 0.0  # output unit, taken off first
    STIM_UNIT: ClassVar[str] = "1/s"
    STIM_PER_AMPERE: ClassVar[float] = 1.0  # STIM_UNIT per A: what 2 mA, the usual ceiling, should bring about

    @property
    def time_unit(self) -> float:
        """s, the model's unit of time."""
        return 1.0

    def start(self) -> tuple[ArrayLike, ...]:
        """Initial values, one per variable, each () or (n_nodes,)."""
        raise NotImplementedError

    def slope(self, y: Values, inputs: Inputs) -> Values:
        """dy/dt without noise, per unit of time."""
        raise NotImplementedError

    def output(self, y: Values) -> Array:
        """(n_nodes,) what becomes the dipole moment, in ``OUTPUT_UNIT``."""
        raise NotImplementedError

    def noise(self) -> tuple[Array | None, ...]:
        """Density of the additive white noise of each variable, None where there is none."""
        return (None,) * len(self.VARIABLES)

    def sent(self, y: Values) -> Values:
        """Signals that a wiring carries to other nodes; by default the output."""
        return (self.output(y),)

    def remembered(self, y: Values) -> Values:
        """Signals of the node itself that come back after ``lags``."""
        return ()

    def lags(self) -> tuple[Array, ...]:
        """() each, in units of time, one per remembered signal; rounded to whole steps."""
        return ()

    def wrapped(self, y: Values) -> Values:
        """The same state written anew after every step: phases wrapped, so that long runs lose no precision."""
        return y

    def drifted(self: M, conditions: Conditions) -> M:
        """The model with its letters as ``conditions`` have them now."""
        return self

    def largest_step(self) -> float:
        """s, largest integration step that is safe with these letters."""
        raise NotImplementedError

    def truth(self, y: Values) -> dict[str, Array]:
        """Ground truth of the state at a window's end beyond what every source logs."""
        return {}
