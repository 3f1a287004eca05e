"""Ensembles of oscillators as sources: each ensemble is one dipole, the mean of its members."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from .connectome import MeanField
from .entry import CurrentInput, InformationalLesion, round_robin
from .models import bonhoeffer_van_der_pol, hindmarsh_rose, kuramoto, stuart_landau
from .models.letters import preset as _preset
from .neural_mass import NeuralMass

COUPLED: dict[str, tuple[Any, dict[str, dict[str, float]], str]] = {
    "kuramoto": (kuramoto.Kuramoto, kuramoto.PRESETS, "K"),
    "bonhoeffer_van_der_pol": (bonhoeffer_van_der_pol.BonhoefferVanDerPol, bonhoeffer_van_der_pol.PRESETS, "eps"),
    "hindmarsh_rose": (hindmarsh_rose.HindmarshRose, hindmarsh_rose.PRESETS, "eps"),
}
"""name -> (model, presets, the preset's letter for the coupling)."""


def ensemble(
    name: str,
    preset: str,
    n_oscillators: int = 200,
    n_ensembles: int = 1,
    coupling: float | None = None,
    key: Array | None = None,
    width: float | None = None,
    letters: dict[str, Any] | None = None,
    **options: Any,
) -> NeuralMass:
    """``n_ensembles`` ensembles of ``n_oscillators`` each, coupled through their own means.

    name: of COUPLED; coupling: K (1/s) or eps, by default the preset's; key: draws what differs between members,
    without it quantiles; width: its spread; letters: of the model; options: those of :meth:`NeuralMass.create`.
    Contacts drive whole ensembles in turn.
    """
    if n_oscillators < 1 or n_ensembles < 1:
        raise InputError(f"{n_ensembles} ensembles of {n_oscillators} oscillators; wanted 1 or more of both")
    model, presets, letter = COUPLED[name]
    chosen = _preset(model, preset, presets)
    given = {} if width is None else {"width": width}
    n_nodes = n_ensembles * n_oscillators
    if key is None:
        # every ensemble has the same quantiles
        one = model.create(preset, n_oscillators, **given, **(letters or {}))
        members = type(one)(**{k: jnp.tile(v, n_ensembles) if v.ndim else v for k, v in vars(one).items()})
    else:
        members = model.create(preset, n_nodes, key, **given, **(letters or {}))
    strength = chosen[letter] if coupling is None else coupling
    options = {"wiring": MeanField.create(strength, n_oscillators), "pool": n_oscillators} | options
    n_stim = options.get("n_stim", 1)
    if options.get("entry") is None:
        # neighbours in number share a contact, all members of an ensemble have the same
        whole = jnp.repeat(jnp.asarray(round_robin(n_ensembles, n_stim)), n_oscillators, axis=0)
        options["entry"] = CurrentInput(coupling=model.STIM_PER_AMPERE * whole)
    return NeuralMass.create(members, n_nodes=n_nodes, **options)


def rhythm(
    preset: str,
    n_nodes: int = 1,
    n_stim: int = 1,
    entry: Any = None,
    pulses: bool = False,
    letters: dict[str, Any] | None = None,
    **options: Any,
) -> NeuralMass:
    """Independent Stuart-Landau rhythms.

    In the preset "beta" the current damps the rhythm: its dose, |current|, through an :class:`InformationalLesion`
    that reaches its full effect at 2 mA held, or with ``pulses`` at 3 mA x 60 us x 130 Hz.
    """
    model = stuart_landau.StuartLandau.create(preset, **(letters or {}))
    if entry is None and preset == "beta":
        entry = InformationalLesion.create(round_robin(n_nodes, n_stim) / (3e-3 * 60e-6 * 130.0 if pulses else 2e-3))
    options = {"moment": stuart_landau.MOMENTS[preset]} | options
    return NeuralMass.create(model, n_nodes=n_nodes, n_stim=n_stim, entry=entry, **options)
