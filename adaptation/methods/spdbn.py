"""SPD batch normalisation at test time: the domain's mean and dispersion follow batches of windows. No labels."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from ..spd import covariance, geodesic_from, regularised, riemannian_mean, sqrtm_pair, squared_distance
from ..trials import usable
from .alignment import calibration_mean
from .gate import select, when
from .stretch import require_stretchable, stretched


class DomainMemory(NamedTuple):
    """root, inv_root (n_channels, n_channels): roots of the running mean M; var () mean squared distance from it;
    prior_root, prior_inv_root, prior_var: of the calibration; source (n_channels, n_channels), takes windows whitened
    by M to what the decoder was trained on; stats: as trained; batch (n_batch, n_channels, n_channels) V², the windows
    since the last step, ``count`` () int32 of them."""

    root: Array
    inv_root: Array
    var: Array
    prior_root: Array
    prior_inv_root: Array
    prior_var: Array
    source: Array
    stats: dict[str, Any]
    batch: Array
    count: Array


@component
class SPDBatchNorm:
    """M <- G(M, B, eta), var <- (1 - eta) var + eta · mean d²(C, M): domain-specific SPD batch norm (Kobler 2022).

    B is the mean of the last ``n_batch`` windows by one Karcher step from their arithmetic mean; a step is taken when
    that many came. Windows are transported from M to the mean that the decoder was trained at (``align``), and their
    distance from it scaled by std/sqrt(var), the trained over the running deviation (its statistics: see Stretch).
    eta .1 as published for new domains; an announced session end starts the domain anew from the calibration.
    """

    eta: float = 0.1
    n_batch: int = static(default=5)

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> DomainMemory:
        require_stretchable(decoder, variables, "spdbn")
        calibration = usable(calibration)
        root, inv_root = sqrtm_pair(calibration_mean(calibration, "riemannian"))
        squared = jax.vmap(lambda x: squared_distance(regularised(covariance(x)), inv_root))(calibration.x)
        var = (calibration.weight * squared).sum() / jnp.maximum(calibration.weight.sum(), 1e-12)
        var = jnp.maximum(var, 1e-5)
        batch = jnp.broadcast_to(root @ root, (self.n_batch, *root.shape))
        count = jnp.zeros((), jnp.int32)
        source = variables.align @ root
        return DomainMemory(root, inv_root, var, root, inv_root, var, source, variables.stats, batch, count)

    def observe(
        self, memory: DomainMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[DomainMemory, Variables]:
        batch = memory.batch.at[memory.count].set(regularised(covariance(x)))
        full = memory.count + 1 == self.n_batch
        domain = (memory.root, memory.inv_root, memory.var)
        root, inv_root, var = when(full, _step, domain, batch, self.eta)
        count = jnp.where(full, 0, memory.count + 1)
        memory = memory._replace(root=root, inv_root=inv_root, var=var, batch=batch, count=count)
        stats = stretched(memory.stats, jnp.sqrt(memory.prior_var / var))
        return memory, variables._replace(align=memory.source @ inv_root, stats=stats)

    def learn(
        self, memory: DomainMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[DomainMemory, Variables, Array]:
        again = memory._replace(
            root=memory.prior_root,
            inv_root=memory.prior_inv_root,
            var=memory.prior_var,
            count=jnp.zeros_like(memory.count),
        )
        return select(feedback.session_end, again, memory), variables, jnp.zeros((), bool)


def _step(domain: tuple[Array, Array, Array], batch: Array, eta: Array) -> tuple[Array, Array, Array]:
    root, inv_root, var = domain
    new = riemannian_mean(batch, n_steps=1)
    root, inv_root = sqrtm_pair(geodesic_from(root, inv_root, new, eta))
    scatter = jax.vmap(lambda c: squared_distance(c, inv_root))(batch).mean()
    return root, inv_root, jnp.maximum((1 - eta) * var + eta * scatter, 1e-5)
