"""What a device may do: ceilings that are compiled in, and profiles that can only narrow them (I14).

Where the ceilings come from. ``dbs_ring``, ``dbs_segment``: hard interlock of the Boston Scientific Vercise (12.7 mA a
contact, 20 mA in all, 10-450 us, up to 255 Hz), whose shortest ramp, 1 s, to the interlock is the steepest slew;
contact areas of .06 and .0114 cm2, 30 uC/cm2 a phase and k of 1.75 from the safety vectors of the project's references.
``rns``: 25 uC/cm2, at which the programmer of the responsive neurostimulator refuses; the area is the .0415 cm2 of a
subdural disc, smaller than that device's own contacts, so that the limit is on the safe side; 12 mA, 40-1000 us,
1-333 Hz are the device's ranges (recalled); rise to the full current in .1 s, as a burst begins, and an hour of
stimulation a day (ten times the usual) are assumed. ``tdcs``: 4 mA and 40 min and 7.2 C, all three in any 24 h;
``tacs``: 4 mA peak to peak, the rest as tdcs; the shortest ramp of both is 10 s. Times of staleness and watchdog are
assumed.

A profile starts from the device's usual settings, not from its ceilings: deep brain stimulation ramps at .1 mA/s up to
5 mA, transcranial stimulation in 30 s up to 2 mA (tACS: 2 mA peak to peak).
"""

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import InputError, unknown
from ..stimulation.safety import (
    CHARGE_DENSITY_LIMIT,
    PROGRAMMER_DENSITY_LIMIT,
    SHANNON_LIMIT,
    TRANSCRANIAL_CHARGE_LIMIT,
    TRANSCRANIAL_CURRENT_LIMIT,
    TRANSCRANIAL_SECONDS_LIMIT,
)

DAY = 86400.0
MOST_GOOD_WINDOWS = 10**6
RECHARGES = (1, 2, 5, 10)
"""How much longer, and weaker, the recharge phase may be: those that leave whole numbers of nA."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ceilings:
    """The widest that any profile of a device may be; fields as in :class:`Profile`.

    kind: "pulses" (charge-balanced), "direct" or "alternating" current.
    """

    kind: str
    amplitude: float
    total: float
    slew: float
    widths: tuple[float, float] = (0.0, 0.0)
    rates: tuple[float, float] = (0.0, 0.0)
    area: float = math.inf
    density: float = math.inf
    shannon: float = math.inf
    daily_on: float = DAY
    daily_charge: float = math.inf
    stale: float = 5.0
    watchdog: float = 5.0


_VERCISE: dict[str, Any] = {
    "kind": "pulses", "amplitude": 12.7e-3, "total": 20e-3, "slew": 12.7e-3, "widths": (10e-6, 450e-6),
    "rates": (2.0, 255.0), "density": CHARGE_DENSITY_LIMIT, "shannon": SHANNON_LIMIT,
}  # fmt: skip
_TRANSCRANIAL: dict[str, Any] = {
    "daily_on": TRANSCRANIAL_SECONDS_LIMIT, "daily_charge": TRANSCRANIAL_CHARGE_LIMIT,
}  # fmt: skip
CEILINGS: Mapping[str, Ceilings] = MappingProxyType({
    "dbs_ring": Ceilings(area=0.06e-4, **_VERCISE),
    "dbs_segment": Ceilings(area=0.0114e-4, **_VERCISE),
    "rns": Ceilings(
        kind="pulses", amplitude=12e-3, total=12e-3, slew=120e-3, widths=(40e-6, 1000e-6), rates=(1.0, 333.0),
        area=0.0415e-4, density=PROGRAMMER_DENSITY_LIMIT, shannon=SHANNON_LIMIT, daily_on=3600.0,
    ),
    "tdcs": Ceilings(
        kind="direct", amplitude=TRANSCRANIAL_CURRENT_LIMIT, total=TRANSCRANIAL_CURRENT_LIMIT,
        slew=TRANSCRANIAL_CURRENT_LIMIT / 10, **_TRANSCRANIAL,
    ),
    "tacs": Ceilings(
        kind="alternating", amplitude=TRANSCRANIAL_CURRENT_LIMIT / 2, total=TRANSCRANIAL_CURRENT_LIMIT / 2,
        slew=TRANSCRANIAL_CURRENT_LIMIT / 20, rates=(0.1, 250.0), **_TRANSCRANIAL,
    ),
})  # fmt: skip
_USUAL: dict[str, dict[str, Any]] = {
    "dbs_ring": {"amplitude": 5e-3, "slew": 0.1e-3, "width": 60e-6, "rate": 130.0},
    "dbs_segment": {"amplitude": 5e-3, "slew": 0.1e-3, "width": 60e-6, "rate": 130.0},
    "rns": {"amplitude": 5e-3, "width": 160e-6, "rate": 200.0},
    "tdcs": {"amplitude": 2e-3, "total": 2e-3, "slew": 2e-3 / 30, "bipolar": True},
    "tacs": {"amplitude": 1e-3, "total": 1e-3, "slew": 1e-3 / 30, "rate": 10.0, "bipolar": True},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """The limits in force. InputError, naming what was asked for and the ceiling, where one is wider than the device's.

    amplitude: A per contact (of alternating current, half of peak to peak); total: A, sum over the contacts;
    slew: A/s of rising (stopping is immediate); widths, rates: s and Hz, (least, largest); area: m2 of a contact;
    density: C/m2 a phase; shannon: Shannon's k; duty: share of any ``duty_window`` s that may be stimulated; daily_on:
    s, and daily_charge: C (of pulses, the leading phases), in any 24 h; stale: s, the oldest sample that may be acted
    on; watchdog: s without a command; fallback: A on every contact while a fault is latched, 0 for off; good_windows:
    how many must follow a re-arm; bipolar: whether negative requests (anodic first) are delivered. width, rate: the s
    and Hz of a command that says none; recharge: how much longer, and weaker, the second phase of a pulse is.
    """

    device: str
    amplitude: float
    total: float
    slew: float
    widths: tuple[float, float]
    rates: tuple[float, float]
    area: float
    density: float
    shannon: float
    daily_on: float
    daily_charge: float
    width: float = 0.0
    rate: float = 0.0
    recharge: int = 1
    duty: float = 1.0
    duty_window: float = 60.0
    stale: float = 1.0
    watchdog: float = 1.0
    fallback: float = 0.0
    good_windows: int = 10
    bipolar: bool = False

    @classmethod
    def preset(cls, device: str, **narrower: Any) -> "Profile":
        """The usual settings of a device of :data:`CEILINGS`, with ``narrower`` (fields of a profile) in their stead.

        A usual width or rate that is out of narrower ``widths`` or ``rates`` is brought into them.
        """
        if device not in CEILINGS:
            raise unknown("device", device, CEILINGS)
        for name in narrower.keys() - {field.name for field in dataclasses.fields(cls)}:
            raise unknown("field of a profile", name, [field.name for field in dataclasses.fields(cls)])
        ceilings = CEILINGS[device]
        shared = {field.name for field in dataclasses.fields(Ceilings)} - {"kind", "stale", "watchdog"}
        values = {name: getattr(ceilings, name) for name in shared} | _USUAL[device] | narrower
        for name, span in (("width", "widths"), ("rate", "rates")):
            if name not in narrower and span in narrower:
                least, largest = _span(span, values[span])
                values[name] = min(max(values[name], least), largest)
        return cls(device=device, **values)

    @property
    def ceilings(self) -> Ceilings:
        return CEILINGS[self.device]

    @property
    def kind(self) -> str:
        return self.ceilings.kind

    def __post_init__(self) -> None:
        if self.device not in CEILINGS:
            raise unknown("device", str(self.device), CEILINGS)
        for name, unit in _LARGEST.items():
            self._at_most(name, unit, getattr(self.ceilings, name))
        for name, unit, (least, largest) in (
            ("widths", "s", self.ceilings.widths),
            ("rates", "Hz", self.ceilings.rates),
        ):
            low, high = _span(name, getattr(self, name))
            if not least <= low <= high <= largest:
                raise InputError(
                    f"{name} of the profile is {low:g} to {high:g} {unit}; {self.device} allows {least:g} to"
                    f" {largest:g} {unit}, narrow it"
                )
            usual = getattr(self, name[:-1])
            if not (_is_number(usual) and low <= usual <= high):
                raise InputError(f"{name[:-1]} of the profile is {usual!r} {unit}; wanted {low:g} to {high:g}")
        self._at_most("duty", "", 1.0)
        self._at_most("duty_window", " s", DAY)
        self._at_most("fallback", " A", self.amplitude, zero=True)
        if self.recharge not in RECHARGES or isinstance(self.recharge, bool):
            raise InputError(f"recharge is {self.recharge!r}; wanted one of {', '.join(map(str, RECHARGES))}")
        if self.kind == "pulses" and self.width * (1 + self.recharge) * self.rate > 1:
            raise InputError(
                f"a pulse of {self.width * (1 + self.recharge):g} s does not fit into 1/{self.rate:g} s; shorten it"
            )
        for name in ("density", "shannon"):
            if self.kind != "pulses" and getattr(self, name) != math.inf:
                raise InputError(
                    f"{name} of the profile is {getattr(self, name):g}, but the current of {self.device} has no phases"
                    " that it could limit; leave it out and narrow amplitude or daily_charge"
                )
        whole = isinstance(self.good_windows, int) and not isinstance(self.good_windows, bool)
        if not (whole and 1 <= self.good_windows <= MOST_GOOD_WINDOWS):
            raise InputError(
                f"good_windows is {self.good_windows!r}; wanted a whole number, 1 or more, at most {MOST_GOOD_WINDOWS}"
            )
        if not isinstance(self.bipolar, bool):
            raise InputError(f"bipolar is {self.bipolar!r}; wanted True or False")

    def _at_most(self, name: str, unit: str, ceiling: float, zero: bool = False) -> None:
        value = getattr(self, name)
        above = _is_number(value) and (value >= 0 if zero else value > 0)
        if not (above and value <= ceiling):
            asked = f"{value:g}" if _is_number(value) else repr(value)
            raise InputError(
                f"{name} of the profile is {asked}{unit}; {self.device} allows {'0' if zero else 'more than 0'} to"
                f" {ceiling:g}{unit}, and a profile can only narrow that"
            )


_LARGEST = {
    "amplitude": " A", "total": " A", "slew": " A/s", "area": " m2", "density": " C/m2", "shannon": "",
    "daily_on": " s", "daily_charge": " C", "stale": " s", "watchdog": " s",
}  # fmt: skip
"""The fields that have a largest value, and its unit."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _span(name: str, value: Any) -> tuple[float, float]:
    if isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_number, value)):
        return (value[0], value[1])
    raise InputError(f"{name} of the profile is {value!r}; wanted (least, largest)")
