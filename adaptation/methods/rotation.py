"""Rotation of recentred windows so that class means meet those of the calibration. Labels: the latest."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from ..decoders.mdm import class_mean
from ..linalg import qr
from ..trials import usable
from .alignment import RiemannianRecentering
from .gate import when


class RotationMemory(NamedTuple):
    """recentring: the memory of the recentring; rotation (n_channels, n_channels), orthogonal;
    source (n_classes, n_channels, n_channels), recentred class means of the calibration;
    x (n_labels, n_channels, n_times), y (n_labels,) int32, labelled windows of this session, a ring;
    count () int32, how many came."""

    recentring: Any
    rotation: Array
    source: Array
    x: Array
    y: Array
    count: Array


@component
class RotatedRecentring:
    """align <- Q · align of ``recentring``, Q = argmin Σ_k ‖S_k - Q T_k Q'‖² over rotations (Rodrigues 2019).

    S_k, T_k are Riemannian means of the recentred windows of class k in the calibration and among the last
    ``n_labels`` labelled windows of this session. Q is found by steepest descent (``n_steps``, QR retraction) from the
    one before, and from the identity at first and at announced session ends: directions on which the class means say
    nothing stay where they are. It is sought at every ``stride``-th label once each class has ``min_per_class``: fewer
    give means that a rotation fits without any need. Defaults chosen on the streams of tests/adaptation/streams.py,
    other seeds than the tests'.
    """

    recentring: Any = RiemannianRecentering()
    n_labels: int = static(default=40)
    min_per_class: int = static(default=5)
    stride: int = static(default=5)
    n_steps: int = static(default=100)

    def start(self, decoder: Any, variables: Variables, calibration: Trials, key: Array) -> RotationMemory:
        if not hasattr(decoder, "aligned_covariance"):
            raise InputError(f"rpa got {type(decoder).__name__}; it rotates covariances: use tangent_lr or mdm.")
        n_channels, n_times = calibration.x.shape[1:]
        inner = self.recentring.start(decoder, variables, calibration, key)
        calibration = usable(calibration)
        return RotationMemory(
            inner,
            jnp.eye(n_channels),
            _class_means(decoder, variables, calibration),
            jnp.zeros((self.n_labels, n_channels, n_times), calibration.x.dtype),
            jnp.zeros(self.n_labels, jnp.int32),
            jnp.zeros((), jnp.int32),
        )

    def observe(
        self, memory: RotationMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[RotationMemory, Variables]:
        inner, variables = self.recentring.observe(memory.recentring, decoder, variables, x)
        return memory._replace(recentring=inner), variables._replace(align=memory.rotation @ variables.align)

    def learn(
        self, memory: RotationMemory, decoder: Any, variables: Variables, feedback: Feedback
    ) -> tuple[RotationMemory, Variables, Array]:
        used = feedback.available
        slot = memory.count % self.n_labels
        x = memory.x.at[slot].set(jnp.where(used, feedback.window, memory.x[slot]))
        y = memory.y.at[slot].set(jnp.where(used, feedback.label, memory.y[slot]))
        count = memory.count + used.astype(jnp.int32)
        weight = jnp.where(jnp.arange(self.n_labels) < count, 1.0, 0.0)
        enough = ((jax.nn.one_hot(y, decoder.n_classes) * weight[:, None]).sum(0) >= self.min_per_class).all()
        due = used & enough & (count % self.stride == 0)
        recentred = variables._replace(align=memory.rotation.T @ variables.align)
        moved = (memory.rotation, variables.align)
        rotation, align = when(due, _rotate, moved, self, decoder, recentred, Trials(x, y, weight), memory.source)
        again = feedback.session_end
        inner, _, _ = self.recentring.learn(memory.recentring, decoder, variables, feedback)
        memory = RotationMemory(
            inner,
            jnp.where(again, jnp.eye(rotation.shape[0], dtype=rotation.dtype), rotation),
            memory.source,
            x,
            y,
            jnp.where(again, 0, count),
        )
        return memory, variables._replace(align=align), used


def _class_means(decoder: Any, variables: Variables, trials: Trials) -> Array:
    covs = jax.vmap(lambda x: decoder.aligned_covariance(variables, x))(trials.x)
    members = jax.nn.one_hot(trials.y, decoder.n_classes, axis=0) * trials.weight
    return jax.vmap(lambda member: class_mean(covs, member, 3))(members)


def _rotate(
    moved: tuple[Array, Array],
    method: RotatedRecentring,
    decoder: Any,
    recentred: Variables,
    trials: Trials,
    source: Array,
) -> tuple[Array, Array]:
    # A place in the ring that is still empty would be a window of zeros.
    trials = trials._replace(x=jnp.where(trials.weight[:, None, None] > 0, trials.x, trials.x[0]))
    rotation = procrustes(source, _class_means(decoder, recentred, trials), moved[0], method.n_steps)
    return rotation, rotation @ recentred.align


def procrustes(source: Array, target: Array, start: Array, n_steps: int) -> Array:
    """The rotation Q (n, n) that takes target (n_means, n, n) to source, ‖S_k - Q T_k Q'‖² summed, near ``start``.

    Steepest descent on the orthogonal group, retracted by QR; the step is the inverse of a bound on the curvature, so
    the loss never rises.
    """
    eye = jnp.eye(source.shape[-1], dtype=source.dtype)
    # A rotation leaves the identity alone: without it the bound on the curvature is closer.
    s, t = source - eye, target - eye
    curvature = 4.0 * (jnp.sqrt((s**2).sum((1, 2))) * jnp.sqrt((t**2).sum((1, 2)))).sum()

    def step(_: int, q: Array) -> Array:
        seen = q @ t @ q.T
        # d/dW of -2 tr(S e^W Q T Q' e^-W) over antisymmetric W
        slope = 2.0 * (seen @ s - s @ seen).sum(0)
        turned, triangle = qr((eye - slope / jnp.maximum(curvature, 1e-12)) @ q)
        return turned * jnp.sign(jnp.diagonal(triangle))

    return jax.lax.fori_loop(0, n_steps, step, start)
