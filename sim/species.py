"""Species: what changes with the size of the head when an experiment moves from one animal to another.

Delays (:func:`options_for`), geometry and noise scale; the kinetics of synapses and membranes stay. Most figures are
textbook orders of magnitude from memory, not measurements of ours; the delay of the subthalamic-pallidal loop is chosen
so that the model of Nevado-Holgado et al. (2010) beats within the species' parkinsonian beta band.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .errors import unknown
from .sources.models.stn_gpe import MEANS

Range = tuple[float, float]


class Species(NamedTuple):
    """One animal. Lengths m, times s, frequencies Hz, currents A, areas m2; ranges are (least, greatest).

    head_radius: of the scalp; corticothalamic_delay: one way, and the range it was given with; stn_gpe_delay: one
    way, at which the loop beats at ``beta_frequency``; beta_band: of parkinsonian beta; dbs_current: in use;
    contact_area: on which these currents have the same Shannon k as in a human's .06 cm2.
    """

    name: str
    head_radius: float
    corticothalamic_delay: float
    corticothalamic_delay_range: Range
    stn_gpe_delay: float
    beta_frequency: float
    beta_band: Range
    dbs_current: Range
    contact_area: float

    @property
    def length_scale(self) -> float:
        """Lengths (depths, tracts, electrode spacings) relative to a human's."""
        return self.head_radius / HUMAN_RADIUS

    @property
    def moment_scale(self) -> float:
        """Dipole moments relative to a human's that give the same potentials on the smaller head."""
        return self.length_scale**2

    @property
    def noise_scale(self) -> float:
        """Noise of a source (:class:`Conditions`' ``noise_gain``) relative to a human's: 1.2 in the macaque, 1.6 in the
        rat.

        Assumed. The mean over n cells of a patch has noise that falls as n^-1/2 where it is each cell's own and not at
        all where they share it; of patches as many in every head, n goes with length^3. Most is shared: the fourth root
        of length is between the two.
        """
        return self.length_scale**-0.25

    def letters(self, name: str) -> dict[str, float]:
        """Delays of the model called ``name`` in the registry, as its letters in its own units; empty without delays.

        stn_gpe: d ms; eirs: t0 s, corticothalamic, one way. Delays along a wiring: :func:`scaled_wiring`.
        """
        known = {"stn_gpe": {"d": 1e3 * self.stn_gpe_delay}, "eirs": {"t0": self.corticothalamic_delay}}
        return known.get(name, {})

    def depth(self, human_depth: float = 0.016) -> float:
        """m below the scalp of what lies ``human_depth`` m below a human's."""
        return human_depth * self.length_scale

    def delay(self, human_delay: float) -> float:
        """s of a cortico-cortical or corticothalamic tract that takes ``human_delay`` s in a human.

        Scaled like the corticothalamic delay, which falls less than length does: smaller brains have thinner axons.
        """
        return human_delay * self.corticothalamic_delay / HUMAN_DELAY

    def current(self, human_current: float) -> float:
        """A with the same Shannon k on this species' contact as ``human_current`` A on a human's, at equal widths."""
        return float(human_current * np.sqrt(self.contact_area / HUMAN_CONTACT))


HUMAN_RADIUS, HUMAN_DELAY, HUMAN_CONTACT = 0.092, 42.5e-3, 6e-6

# contact areas: that of a human x (largest current / 5 mA)^2, as k = log10(Q^2 / area)
SPECIES = {
    "mouse": Species("mouse", 0.010, 7.5e-3, (5e-3, 15e-3), 2e-3, 32.1, (25.0, 40.0), (20e-6, 100e-6), 2.4e-9),
    "rat": Species("rat", 0.015, 10e-3, (5e-3, 15e-3), 2e-3, 32.1, (25.0, 40.0), (20e-6, 100e-6), 2.4e-9),
    "macaque": Species("macaque", 0.045, 25e-3, (20e-3, 30e-3), 10e-3, 13.7, (8.0, 20.0), (1e-4, 5e-4), 6e-8),
    "human": Species("human", 0.092, 42.5e-3, (42.5e-3, 42.5e-3), 6e-3, 20.7, (13.0, 30.0), (1e-3, 5e-3), 6e-6),
}


def species(name: str) -> Species:
    """The named species; InputError with a suggestion where there is none of that name."""
    if name not in SPECIES:
        raise unknown("species", name, SPECIES)
    return SPECIES[name]


def options_for(name: str, preset: str | None, animal: Species, options: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` of ``make_source(name, preset, ...)`` with the species' delays, before the source is laid out for
    them: letters, the wiring's, and the offset that stn_gpe has with its delay. What ``options`` sets stays.

    Humans are the presets as they are. Geometry is the head's, the depth's and :attr:`Species.moment_scale`'s, noise
    :attr:`Species.noise_scale`'s, both the caller's to apply: the latter to ``Conditions.noise_gain``.
    """
    own = animal.letters(name)
    if animal.name == "human":
        return dict(options)
    adapted = dict(options)
    if own:
        adapted["letters"] = {**own, **(options.get("letters") or {})}
    if name == "stn_gpe" and preset != "healthy":
        adapted.setdefault("mean", _STN_MEANS[own["d"]])
    if options.get("wiring") is not None:
        adapted["wiring"] = scaled_wiring(options["wiring"], animal)
    return adapted


def scaled_wiring(wiring: Any, animal: Species) -> Any:
    """The wiring of a human brain with the delays of the species; one without delays as it is."""
    delays = getattr(wiring, "delays", None)
    return wiring if delays is None else dataclasses.replace(wiring, delays=delays * animal.delay(1.0))


_STN_MEANS = {2.0: MEANS["rat"], 6.0: MEANS["human"], 10.0: MEANS["macaque"]}  # by the delay in ms
