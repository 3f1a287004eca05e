"""CORAL: features recoloured to the covariance that the readout was trained on. No labels."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables
from ..spd import inv_sqrtm, sqrtm
from ..trials import usable
from .alignment import SESSION_WEIGHT
from .gate import select


class FeatureMemory(NamedTuple):
    """mean (d,), cov (d, d) of the windows' standardised features; source_mean, source_cov: of the calibration's;
    readout: as trained; n_windows () float32, the weight of mean and cov in windows."""

    mean: Array
    cov: Array
    source_mean: Array
    source_cov: Array
    readout: dict[str, Array]
    n_windows: Array


@component
class Coral:
    """x' = (x - mu_t) C_t^-½ C_s^½ + mu_s on the features before the readout, which takes the map in (Sun 2016).

    Features are standardised, to which ``ridge`` times the identity is added in both covariances (1 as published).
    mu_t and C_t are running moments, a = max(1/(n + 1), floor), that start from the calibration and do so again at an
    announced session end, with the weight of ``session_weight`` windows. Costs an eigendecomposition of d features.
    """

    floor: float = 0.05
    ridge: float = 1.0
    session_weight: float = SESSION_WEIGHT

    def start(self, decoder: Any, variables: Variables, calibration: Trials, key: Array) -> FeatureMemory:
        if not hasattr(decoder, "standardised"):
            raise InputError(
                f"coral got {type(decoder).__name__}; it recolours features of a linear readout: use csp_lda or "
                "tangent_lr."
            )
        calibration = usable(calibration)
        features = jax.vmap(lambda x: decoder.standardised(variables, x))(calibration.x)
        total = calibration.weight.sum()
        share = (calibration.weight / jnp.maximum(total, 1e-12))[:, None]
        mean = (share * features).sum(0)
        cov = (share * (features - mean)).T @ (features - mean)
        return FeatureMemory(mean, cov, mean, cov, variables.params["readout"], total)

    def observe(
        self, memory: FeatureMemory, decoder: Any, variables: Variables, x: Array
    ) -> tuple[FeatureMemory, Variables]:
        a = jnp.maximum(1.0 / (memory.n_windows + 1.0), self.floor)
        away = decoder.standardised(variables, x) - memory.mean
        mean = memory.mean + a * away
        # Covariance of the mixture of what was and the window, which has none of its own.
        cov = (1 - a) * (memory.cov + a * jnp.outer(away, away))
        eye = self.ridge * jnp.eye(mean.shape[0], dtype=mean.dtype)
        recolour = sqrtm(memory.source_cov + eye) @ inv_sqrtm(cov + eye)
        w = memory.readout["w"] @ recolour
        readout = {"w": w, "b": memory.readout["b"] + memory.readout["w"] @ memory.source_mean - w @ mean}
        memory = memory._replace(mean=mean, cov=cov, n_windows=memory.n_windows + 1.0)
        return memory, variables._replace(params={**variables.params, "readout": readout})

    def learn(
        self, memory: FeatureMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[FeatureMemory, Variables, Array]:
        weight = jnp.minimum(memory.n_windows, self.session_weight)
        again = memory._replace(mean=memory.source_mean, cov=memory.source_cov, n_windows=weight)
        return select(feedback.session_end, again, memory), variables, jnp.zeros((), bool)
