"""The drift processes by name, each with an example that the laws run on."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from ..errors import InputError, unknown
from ..head.montage import Montage
from .anaesthesia import Anaesthesia
from .brain import Fatigue, StateSwitch
from .cap import CapShift
from .contact import ChannelLoss, GainDrift, GelDrying, ReferenceSwitch
from .episode import Episode
from .medication import Circadian, Levodopa
from .null import NullDrift
from .seizure import ExcitabilityRamp, SeizureRamp
from .session import SessionJumps
from .skull import SkullConductivity
from .sleep import SleepSchedule
from .stimulation import EfficacyLoss, Encapsulation, PhaseWalk
from .task import LabelShift
from .tremor import TremorDrift
from .units import RateWalk, UnitTurnover


class DriftSpec(NamedTuple):
    """summary; severity: what the number means, with its unit; make(montage, severity, onset_s) -> process;
    largest: the greatest severity that makes sense."""

    summary: str
    severity: str
    make: Callable[[Montage, float, float], Any]
    largest: float = math.inf


DRIFTS: dict[str, DriftSpec] = {
    "null": DriftSpec("nothing changes", "none", lambda montage, severity, onset_s: NullDrift()),
    "cap_shift": DriftSpec(
        "the whole cap moves sideways at once",
        "cm at the vertex",
        lambda montage, severity, onset_s: CapShift.lateral(severity / 100.0, onset_s),
        largest=8.0,
    ),
    "cap_creep": DriftSpec(
        "the whole cap creeps sideways over ten minutes",
        "cm at the vertex",
        lambda montage, severity, onset_s: CapShift.lateral(severity / 100.0, onset_s, duration_s=600.0),
        largest=8.0,
    ),
    "gel_drying": DriftSpec(
        "electrode gel dries: impedance, noise and dropouts rise over hours",
        "kOhm of mean final impedance rise",
        lambda montage, severity, onset_s: GelDrying.create(montage.n_channels, severity * 1e3, onset_s),
    ),
    "gain": DriftSpec(
        "amplifier gains wander",
        "% per sqrt(hour)",
        lambda montage, severity, onset_s: GainDrift.create(montage.n_channels, severity / 100.0, onset_s),
    ),
    "channel_loss": DriftSpec(
        "electrodes fall off for good",
        "number of channels",
        lambda montage, severity, onset_s: ChannelLoss.create(montage.n_channels, severity, onset_s),
    ),
    "reference_switch": DriftSpec(
        "the reference changes to the common average",
        "1 for the switch, 0 for none",
        lambda montage, severity, onset_s: ReferenceSwitch(
            weights=montage.reference_weights("average"),
            onset_s=jnp.float32(onset_s if severity > 0 else jnp.inf),
        ),
    ),
    "fatigue": DriftSpec(
        "alpha and theta rise, alpha slows, attention wanes",
        "multiples of the published size",
        lambda montage, severity, onset_s: Fatigue.trejo(onset_s, severity=severity),
    ),
    "session_jumps": DriftSpec(
        "a new mounting of the cap every quarter of an hour",
        "multiples of 7.5 mm and 5 % of mixing",
        lambda montage, severity, onset_s: SessionJumps.create(900.0, severity, onset_s),
    ),
    "state_switch": DriftSpec(
        "a switch into drowsiness",
        "depth",
        lambda montage, severity, onset_s: StateSwitch.drowsy(onset_s, depth=severity),
    ),
    "cap_return": DriftSpec(
        "the whole cap moves sideways and ten minutes later comes back",
        "cm at the vertex",
        lambda montage, severity, onset_s: Episode.create(CapShift.lateral(severity / 100.0, onset_s), onset_s + 600.0),
        largest=8.0,
    ),
    "label_shift": DriftSpec(
        "one class is asked for more often than the other (motor imagery only)",
        "trials of the frequent class for each of the other",
        lambda montage, severity, onset_s: LabelShift.create(severity, onset_s),
    ),
    "seizure": DriftSpec(
        "inhibition fails towards a seizure, through sustained spikes to fast activity, and recovers",
        "1 for the whole way of B and G",
        lambda montage, severity, onset_s: SeizureRamp.create(severity, onset_s),
        largest=1.0,
    ),
    "excitability": DriftSpec(
        "excitability rises over ten minutes, stays for an hour and comes back",
        "rise of the Epileptor's x0",
        lambda montage, severity, onset_s: ExcitabilityRamp.create(severity, onset_s),
    ),
    "sleep": DriftSpec(
        "a night of NREM sleep in cycles of 90 minutes",
        "depth of the first cycle, 1 for N3",
        lambda montage, severity, onset_s: SleepSchedule.night(depth=severity, onset_s=onset_s),
        largest=1.0,
    ),
    "levodopa": DriftSpec(
        "a dose of levodopa every four hours",
        "effect of one dose at its peak, 1 for full",
        lambda montage, severity, onset_s: Levodopa.create(severity, onset_s),
        largest=1.0,
    ),
    "circadian": DriftSpec(
        "the source's rhythm follows the time of day",
        "amplitude of log power",
        lambda montage, severity, onset_s: Circadian.beta(severity, onset_s),
    ),
    "anaesthesia": DriftSpec(
        "half an hour of propofol",
        "depth, 1 for GABA-A decay at 60 instead of 83 /s, beyond which an eirs with closed eyes leaves its rhythm",
        lambda montage, severity, onset_s: Anaesthesia.propofol(severity, onset_s),
        largest=1.0,
    ),
    "tremor": DriftSpec(
        "the rhythm's frequency wanders",
        "Hz, standard deviation",
        lambda montage, severity, onset_s: TremorDrift.create(severity, onset_s),
    ),
    "unit_turnover": DriftSpec(
        "neurons seen by an intracortical array are lost, others appear",
        "multiples of the published rate of loss (33 % in 15 days)",
        lambda montage, severity, onset_s: UnitTurnover.create(montage.n_channels, severity, onset_s),
    ),
    "rate_walk": DriftSpec(
        "firing rates of 84 % of the units walk within the day",
        "multiples of the published size (49 % of the mean rate)",
        lambda montage, severity, onset_s: RateWalk.create(montage.n_channels, severity, onset_s),
    ),
    "skull_conductivity": DriftSpec(
        "the skull conducts better or worse than it did",
        "% change (of the resistance, where it conducts worse)",
        lambda montage, severity, onset_s: SkullConductivity.create(1.0 + severity / 100.0, onset_s),
        largest=200.0,
    ),
    "encapsulation": DriftSpec(
        "tissue closes around the stimulating contact: its impedance fluctuates for half a year, then falls"
        " (no effect on a current-controlled stimulator without a compliance)",
        "multiples of 163 ohm a year and 150 ohm of fluctuation",
        lambda montage, severity, onset_s: Encapsulation.create(163.0 * severity, onset_s, 150.0 * severity),
    ),
    "stim_efficacy": DriftSpec(
        "stimulation loses its effect over an hour",
        "% lost in the end",
        lambda montage, severity, onset_s: EfficacyLoss.create(severity / 100.0, onset_s),
        largest=100.0,
    ),
    "stim_phase": DriftSpec(
        "the phase at which stimulation acts wanders (stuart_landau, kuramoto and ott_antonsen only)",
        "degrees per sqrt(hour)",
        lambda montage, severity, onset_s: PhaseWalk.create(math.radians(severity), onset_s),
    ),
}


def make_drift(name: str, montage: Montage, severity: float, onset_s: float) -> Any:
    """The named process; InputError with a suggestion when there is none of that name, or for a severity or an onset
    that cannot be."""
    check_severity(name, severity)
    if not onset_s >= 0:
        raise InputError(f"onset_s of drift {name!r} is {onset_s:g}; wanted seconds, 0 or more")
    return DRIFTS[name].make(montage, severity, onset_s)


def check_severity(name: str, severity: float) -> None:
    """InputError when there is no such drift, or it does not come in this severity."""
    if name not in DRIFTS:
        raise unknown("drift", name, DRIFTS)
    spec = DRIFTS[name]
    if not 0 <= severity < math.inf or severity > spec.largest:
        wanted = "0 or more" if math.isinf(spec.largest) else f"0 to {spec.largest:g}"
        raise InputError(f"severity of drift {name!r} is {severity:g}; wanted {wanted} ({spec.severity})")
