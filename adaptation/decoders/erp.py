"""Evoked potentials: covariances of trials beside the classes' mean responses, in tangent space (Barachant 2014)."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Trials, Variables
from ..trials import usable
from .tangent import TangentLR


@component
class ErpTangent:
    """The window stacked under the mean response of every class, read out by :class:`TangentLR`.

    A covariance knows no latency; that of a window beside a template does. params: prototype {"mean": (n_classes
    n_channels, n_times)}, and those of ``inner``, which sees n_channels (n_classes + 1) channels.
    """

    n_channels: int = static()
    n_times: int = static()
    n_classes: int = static()
    inner: TangentLR

    @classmethod
    def create(
        cls, n_channels: int, n_times: int, n_classes: int = 2, sfreq: float | None = None, c: float = 1.0
    ) -> "ErpTangent":
        """The decoder for these shapes; ``c``: the readout's inverse penalty."""
        if n_channels < 1 or n_times < 2:
            raise InputError(f"windows have {n_channels} channels of {n_times} samples; wanted at least 1 of 2")
        inner = TangentLR.create(n_channels * (n_classes + 1), n_times, n_classes, sfreq, c)
        return cls(n_channels=n_channels, n_times=n_times, n_classes=n_classes, inner=inner)

    @property
    def layers(self) -> tuple[str, ...]:
        return ("prototype", *self.inner.layers)

    def init(self, key: Array) -> Variables:
        """No response at all, readout zero."""
        inner = self.inner.init(key)
        mean = jnp.zeros((self.n_classes * self.n_channels, self.n_times))
        return Variables(jnp.eye(self.n_channels), {"prototype": {"mean": mean}, **inner.params}, inner.stats)

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window x (n_channels, n_times)."""
        return self.inner.apply(self._inner(variables), self._stack(variables, x))

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """As :class:`TangentLR`'s."""
        return self.inner.moments(self._inner(variables), self._stack(variables, x))

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Mean responses of the classes, then reference, statistics and readout."""
        trials = usable(trials)
        member = (trials.y[:, None] == jnp.arange(self.n_classes)) * trials.weight[:, None]
        share = member / jnp.maximum(member.sum(0), 1e-12)
        mean = jnp.einsum("nk,nct->kct", share, jnp.einsum("ij,njt->nit", variables.align, trials.x))
        params = {**variables.params, "prototype": {"mean": mean.reshape(-1, self.n_times)}}
        variables = variables._replace(params=params)
        return self._outer(variables, self.inner.fit(self._inner(variables), self._stacked(variables, trials), key))

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """The readout alone, its penalty centred on the previous one; responses and reference kept."""
        stacked = self._stacked(variables, trials)
        return self._outer(variables, self.inner.refit_readout(self._inner(variables), stacked))

    def _stack(self, variables: Variables, x: Array) -> Array:
        return jnp.concatenate([variables.params["prototype"]["mean"], variables.align @ x])

    def _stacked(self, variables: Variables, trials: Trials) -> Trials:
        mean = variables.params["prototype"]["mean"]
        x = jnp.einsum("ij,njt->nit", variables.align, trials.x)
        return trials._replace(x=jnp.concatenate([jnp.broadcast_to(mean, (len(x), *mean.shape)), x], axis=1))

    def _inner(self, variables: Variables) -> Variables:
        params = {name: variables.params[name] for name in self.inner.layers}
        return Variables(jnp.eye(self.inner.n_channels), params, variables.stats)

    def _outer(self, variables: Variables, inner: Variables) -> Variables:
        prototype = {"prototype": variables.params["prototype"]}
        return Variables(variables.align, {**prototype, **inner.params}, inner.stats)
