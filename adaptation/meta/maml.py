"""Model-agnostic meta-learning: the loss after the steps, differentiated through the steps (Finn et al 2017)."""

from typing import Any

import jax
import optax
from jax import Array

from ...sim.pytree import component, static
from ..methods.layers import AllLayers
from .steps import descend


@component
class MAML:
    """The gradient of the query's loss after ``n_steps`` steps on the support, by the parameters before them.

    rate: of the steps, relative as ``reach`` has it; reach: what the steps move (adaptation/methods/layers.py, those
    whose theta is params). first_order leaves the second derivatives out (FOMAML): the gradient at the end of the
    steps. outer_rate: of Adam. ``rate`` was chosen on the people of tests/adaptation/test_meta.py, other seeds than the
    test's.
    """

    rate: float = 0.3
    n_steps: int = static(default=5)
    first_order: bool = static(default=False)
    reach: Any = AllLayers(lower=1.0)
    outer_rate: float = 3e-3

    def direction(
        self, loss: Any, params: Any, theta_of: Any, rates: Any, support: Any, query: Any, key: Array
    ) -> tuple[Array, Any]:
        """(loss after the steps (), gradient shaped as params).

        loss(params, theta, trials) -> (); theta_of(params) -> theta, what the steps move.
        """

        def after(params: Any) -> Array:
            theta = descend(
                lambda theta: loss(params, theta, support),
                theta_of(params),
                rates,
                self.n_steps,
                first_order=self.first_order,
            )
            return loss(params, theta, query)

        return jax.value_and_grad(after)(params)

    def optimizer(self, n_iterations: int) -> optax.GradientTransformation:
        """Of the outer loop."""
        return optax.adam(self.outer_rate)
