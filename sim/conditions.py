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
    class_prior:     () probability that a trial asks for the second of two classes; at .5 they come in balanced pairs

    The brain's own state, as far as a model has it (each says which it reads):

    medication:      () effect of levodopa, 0 off, 1 full
    excitability:    () shift of the Epileptor's x0 (in its own unit), or of the drive of a column relative to nominal
    slow_inhibition: () gain of slow (dendritic) inhibition relative to nominal
    fast_inhibition: () gain of fast (somatic) inhibition relative to nominal
    gaba_rate:       () rate constant of GABA-A synapses relative to nominal
    sleep_depth:     () 0 is stage N2, 1 is N3
    frequency_shift: () Hz, shift of the source's rhythm
    coupling_gain:   () coupling between columns or oscillators relative to nominal
    noise_gain:      () noise of the source relative to nominal
    unit_rate:       (n_channels,) firing rate of the neuron seen by each channel relative to nominal
    unit_identity:   (n_channels,) how often the neuron seen by each channel has been replaced by another

    Head and stimulating contact:

    skull_conductivity: () relative to the head's own
    contact_impedance:  () ohm, stimulating contact with its encapsulation; it changes the current only of a stimulator
                        with control="voltage" or a finite compliance, otherwise the energy alone
    stim_phase:         () rad, shift of the phase at which stimulation acts: of Stuart-Landau, Kuramoto and
                        Ott-Antonsen sources, the only ones that read it
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
    class_prior: Array
    medication: Array
    excitability: Array
    slow_inhibition: Array
    fast_inhibition: Array
    gaba_rate: Array
    sleep_depth: Array
    frequency_shift: Array
    coupling_gain: Array
    noise_gain: Array
    unit_rate: Array
    unit_identity: Array
    skull_conductivity: Array
    contact_impedance: Array
    stim_phase: Array

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
            class_prior=jnp.float32(0.5),
            medication=zero,
            excitability=zero,
            slow_inhibition=one,
            fast_inhibition=one,
            gaba_rate=one,
            sleep_depth=zero,
            frequency_shift=zero,
            coupling_gain=one,
            noise_gain=one,
            unit_rate=jnp.ones(n_channels),
            unit_identity=jnp.zeros(n_channels),
            skull_conductivity=one,
            contact_impedance=jnp.float32(1e3),
            stim_phase=zero,
        )
