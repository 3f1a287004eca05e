"""Species: what changes with the size of the head when an experiment moves from one animal to another.

Delays, geometry and noise scale; the kinetics of synapses and membranes stay. Most figures are textbook orders of
magnitude from memory, not measurements of ours; the delay of the subthalamic-pallidal loop is chosen so that the model
of Nevado-Holgado et al. (2010) beats within the species' parkinsonian beta band.
"""

from typing import NamedTuple

import numpy as np

from .errors import unknown

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
