"""Ground truth in the form that reports draw: how the conditions moved, and what that did to the scalp pattern."""

from typing import Any

import jax
import numpy as np

from ..sim.conditions import Conditions
from ..sim.plant import Plant

HEAD_RADIUS = 0.09  # m


def trajectory(conditions: Conditions) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Mean over people of the conditions that changed, each (n_trials,), and their units.

    conditions: leaves with leading axes (n_people, n_trials).
    """
    c: Any = conditions
    n_channels = c.mixing.shape[-1]
    candidates = {
        "cap displacement": ("cm", np.linalg.norm(c.cap_rotation, axis=-1) * HEAD_RADIUS * 100),
        "impedance": ("kOhm", c.impedance.mean(-1) / 1e3),
        "channels without contact": ("%", 100 * (1 - c.connected.mean(-1))),
        "gain, spread over channels": ("%", 100 * c.gain.std(-1)),
        "reference, change of weights": ("", np.abs(c.reference - c.reference[:, :1]).sum(-1)),
        "channel mixing, distance from the first": (
            "",
            np.linalg.norm(c.mixing - np.eye(n_channels), axis=(-2, -1)) / np.sqrt(n_channels),
        ),
        "background alpha power": ("x", c.alpha_gain**2),
        "background theta power": ("x", c.theta_gain**2),
        "background alpha frequency shift": ("Hz", c.alpha_shift),
        "rhythm amplitude": ("x", c.rhythm_gain),
        "task modulation": ("x", c.modulation_gain),
        "trials of the frequent class": ("%", 100 * np.maximum(c.class_prior, 1 - c.class_prior)),
        "stimulation efficacy": ("x", c.stim_efficacy),
        "medication": ("", c.medication),
        "excitability": ("", c.excitability),
        "slow inhibition": ("x", c.slow_inhibition),
        "fast inhibition": ("x", c.fast_inhibition),
        "GABA rate constant": ("x", c.gaba_rate),
        "sleep depth": ("", c.sleep_depth),
        "rhythm frequency shift": ("Hz", c.frequency_shift),
        "coupling": ("x", c.coupling_gain),
        "source noise": ("x", c.noise_gain),
        "unit rate, spread over channels": ("%", 100 * c.unit_rate.std(-1)),
        "units replaced": ("%", 100 * (c.unit_identity > 0).mean(-1)),
        "skull conductivity": ("x", c.skull_conductivity),
        "stimulating contact's impedance": ("kOhm", c.contact_impedance / 1e3),
        "phase shift of stimulation": ("rad", c.stim_phase),
    }
    values = {name: np.asarray(v, np.float32).mean(0) for name, (_, v) in candidates.items()}
    moved = {name: v for name, v in values.items() if np.ptp(v) > 1e-6}
    return moved, {name: candidates[name][0] for name in moved}


@jax.jit
def _pattern(plants: Plant, conditions: Conditions) -> Any:
    def one(plant: Plant, conditions: Conditions) -> Any:
        leadfield = plant.projection.matrix(conditions, (plant.source,))[: conditions.gain.shape[0]]
        moment = plant.source.moment[:, 0]  # type: ignore[attr-defined]
        return leadfield[:, 0] * moment[0] - leadfield[:, 1] * moment[1]

    return jax.vmap(one)(plants, conditions)


def topography(plants: Plant, conditions: Conditions) -> np.ndarray:
    """(n_channels,) V: the mu pattern of the left minus the right hand area of the first person, as the electrodes
    see it where they are (leading axis of both arguments: people, whose caps may move to different sides)."""
    return np.asarray(_pattern(plants, conditions))[0]
