"""What a pulse puts into tissue, and the published limits of it, in closed form and SI units.

Charge density D and Shannon's k = log10 Q + log10 D are compared in their customary units (uC a phase, uC/cm2), in
which the limits were published: tissue damage was seen above k of 1.75 to 2 (Shannon 1992), and programmers of deep
brain stimulators refuse more than 30 uC/cm2 a phase. Both must hold: a microelectrode breaks the density long before k.
These functions only compute; what enforces them is not part of the simulation of the body. Widths, areas, impedances,
frequencies and limits that are not above 0 and finite are an InputError: no pulse has them.
"""

import math

from ..errors import InputError

CHARGE_DENSITY_LIMIT = 0.30
"""C/m2 a phase: 30 uC/cm2, the limit of deep brain stimulators."""
PROGRAMMER_DENSITY_LIMIT = 0.25
"""C/m2 a phase: 25 uC/cm2, at which the programmer of the responsive neurostimulator refuses."""
SHANNON_LIMIT = 1.75
TRANSCRANIAL_CURRENT_LIMIT = 4e-3  # A
TRANSCRANIAL_SECONDS_LIMIT = 40 * 60.0
TRANSCRANIAL_CHARGE_LIMIT = 7.2  # C


def charge_per_phase(current: float, width: float) -> float:
    """C in one phase of a rectangular pulse of ``current`` A and ``width`` s."""
    _above_zero(width=(width, "s"))
    return abs(current) * width


def charge_density(current: float, width: float, area: float) -> float:
    """C/m2 a phase over a contact of ``area`` m2 (1 C/m2 is 100 uC/cm2)."""
    _above_zero(area=(area, "m2"))
    return charge_per_phase(current, width) / area


def shannon_k(current: float, width: float, area: float) -> float:
    """Shannon's k = log10(Q / 1 uC) + log10(D / 1 uC/cm2); minus infinity where nothing flows."""
    q, d = charge_per_phase(current, width) / 1e-6, charge_density(current, width, area) / 1e-2
    return math.log10(q) + math.log10(d) if q > 0 else -math.inf


def largest_current(width: float, area: float, density: float = CHARGE_DENSITY_LIMIT) -> float:
    """A: the current at which a pulse of ``width`` s reaches ``density`` C/m2 on a contact of ``area`` m2."""
    _above_zero(width=(width, "s"), area=(area, "m2"), density=(density, "C/m2"))
    return density * area / width


def pulse_is_allowed(
    current: float, width: float, area: float, density: float = CHARGE_DENSITY_LIMIT, k: float = SHANNON_LIMIT
) -> bool:
    """Whether both the charge density and Shannon's k stay within their limits; not where the current is not finite."""
    _above_zero(density=(density, "C/m2"))
    if not math.isfinite(k):
        raise InputError(f"k is {k:g}; wanted a finite limit of Shannon's k, such as {SHANNON_LIMIT:g}")
    return charge_density(current, width, area) <= density and shannon_k(current, width, area) <= k


def transcranial_is_allowed(current: float, seconds: float) -> bool:
    """Whether transcranial direct current stays within 4 mA and 40 minutes and 7.2 C; all three at once."""
    within = abs(current) <= TRANSCRANIAL_CURRENT_LIMIT and 0 <= seconds <= TRANSCRANIAL_SECONDS_LIMIT
    return within and abs(current) * seconds <= TRANSCRANIAL_CHARGE_LIMIT


def teed(voltage: float, width: float, frequency: float, impedance: float) -> float:
    """W: total electrical energy delivered per second, V^2 x width x frequency / impedance (Koss 2005)."""
    _above_zero(width=(width, "s"), frequency=(frequency, "Hz"), impedance=(impedance, "ohm"))
    return voltage**2 * width * frequency / impedance


def _above_zero(**quantities: tuple[float, str]) -> None:
    """InputError unless every (value, unit) is above 0 and finite."""
    for name, (value, unit) in quantities.items():
        if not 0.0 < value < math.inf:
            raise InputError(f"{name} is {value:g} {unit}; wanted a finite number above 0, in {unit}")
