"""Conditions: every physical fact that can drift, in one pytree.

Physics reads conditions and never knows which process changed them; their trajectory is the ground truth
that a run logs.
"""

import jax.numpy as jnp
from jax import Array

from .pytree import component


@component
class Conditions:
    """The state of the world outside the brain's own dynamics.

    cap_rotation:    (3,) rad, rotation vector of the cap about the head's centre (x right, y front, z up)
    cap_translation: (3,) m, slip of the cap before the electrodes are projected back onto the scalp
    impedance:       (n_channels,) ohm, electrode-skin contact
    gain:            (n_channels,) amplifier gain relative to nominal
    connected:       (n_channels,) 1 where the electrode has contact, 0 where it is an open lead
    reference:       (n_sensors,) weights of the reference, over the channels and then the hidden reference sites
    mixing:          (n_channels, n_channels) what a new mounting does to the channels; nominal is the identity
    alpha_gain:      () amplitude of the background alpha rhythm relative to nominal
    theta_gain:      () amplitude of the background theta rhythm relative to nominal
    alpha_shift:     () Hz, shift of the background alpha frequency
    rhythm_gain:     () amplitude of the source's own rhythms relative to nominal
    modulation_gain: () depth of the task modulation (event-related desynchronisation) relative to nominal
    stim_efficacy:   () delivered effect of stimulation relative to nominal
    """

    cap_rotation: Array
    cap_translation: Array
    impedance: Array
    gain: Array
    connected: Array
    reference: Array
    mixing: Array
    alpha_gain: Array
    theta_gain: Array
    alpha_shift: Array
    rhythm_gain: Array
    modulation_gain: Array
    stim_efficacy: Array

    @classmethod
    def nominal(cls, n_channels: int, reference: Array | None = None, impedance: float = 5e3) -> "Conditions":
        """A well-mounted cap on a rested person.

        ``reference`` (n_sensors,) weights, default none (potentials against infinity); ``impedance`` in ohm,
        default 5 kOhm (below the usual 10 kOhm acceptance limit of gel electrodes).
        """
        one, zero = jnp.float32(1.0), jnp.float32(0.0)
        return cls(
            cap_rotation=jnp.zeros(3),
            cap_translation=jnp.zeros(3),
            impedance=jnp.full(n_channels, impedance),
            gain=jnp.ones(n_channels),
            connected=jnp.ones(n_channels),
            reference=jnp.zeros(n_channels) if reference is None else jnp.asarray(reference, jnp.float32),
            mixing=jnp.eye(n_channels),
            alpha_gain=one,
            theta_gain=one,
            alpha_shift=zero,
            rhythm_gain=one,
            modulation_gain=one,
            stim_efficacy=one,
        )
