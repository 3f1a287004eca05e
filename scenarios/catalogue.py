"""The built-in scenarios, implemented."""

import jax.numpy as jnp
from jax import Array

from ..sim.drift import (
    CapShift,
    ChannelLoss,
    Episode,
    Fatigue,
    GelDrying,
    LabelShift,
    NullDrift,
    ReferenceSwitch,
    SessionJumps,
    StateSwitch,
)
from ..sim.head import make_montage
from .bothloops.mi_scenario import mi_neurofeedback
from .bothloops.pd_scenario import pd_decoded_adbs
from .contract import Scenario
from .intracortical.cursor_scenario import ibci_cursor60
from .intracortical.monkey_scenario import ibci_monkey
from .intracortical.turnover_scenario import ibci_turnover
from .multiday import multiday
from .recorded import replay_shift
from .simulated import MONTAGE, People, Timeline, simulated
from .transfer.catalogue import SCENARIOS as TRANSFERS

_SESSION = 40  # trials
_AWAY = 60  # trials until what drifted comes back
_SLIP = 0.01  # m, the slip beside which the classes become unequal


def _null(severity: Array, onset_s: Array) -> tuple:
    return (NullDrift(),)


def cap_shift(severity: Array, onset_s: Array) -> tuple:
    return (CapShift.lateral(severity / 100.0, onset_s),)


def _gel_drying(severity: Array, onset_s: Array) -> tuple:
    return (GelDrying.create(make_montage(MONTAGE).n_channels, severity * 1e3, onset_s),)


def _reference_switch(severity: Array, onset_s: Array) -> tuple:
    montage = make_montage(MONTAGE)
    kinds = jnp.stack([montage.reference_weights(kind) for kind in ("FCz", "average", "mastoids")])
    weights = kinds[jnp.round(severity).astype(jnp.int32)]
    return (ReferenceSwitch(weights=weights, onset_s=onset_s),)


def _sessions_fatigue(severity: Array, onset_s: Array) -> tuple:
    session_s = _SESSION * 36.0
    return (
        SessionJumps.create(session_s, severity, onset_s),
        Fatigue.trejo(onset_s, duration_s=4 * _SESSION * 36.0, severity=severity),
    )


def _channel_loss(severity: Array, onset_s: Array) -> tuple:
    return (ChannelLoss.create(make_montage(MONTAGE).n_channels, severity, onset_s),)


def _state_change(severity: Array, onset_s: Array) -> tuple:
    return (StateSwitch.drowsy(onset_s, depth=severity),)


def _return(severity: Array, onset_s: Array) -> tuple:
    return (Episode.create(CapShift.lateral(severity / 100.0, onset_s), onset_s + _AWAY * _RETURN.seconds_per_trial),)


def _label_shift(severity: Array, onset_s: Array) -> tuple:
    # below a ratio of 1 the classes stay balanced and that share of the slip is left: 0 is no drift at all
    slip = _SLIP * jnp.minimum(severity, 1.0)
    return (CapShift.lateral(slip, onset_s), LabelShift.create(severity, onset_s))


_CLEAR = People(erd_contra=(0.50, 0.0), erd_ipsi=(0.10, 0.10))
_RETURN = Timeline(n_away=_AWAY, oracle_blocks=2, announced=False)

SCENARIOS: dict[str, Scenario] = {
    "mi_null": simulated("mi_null", Timeline(announced=False), _null),
    # the cap slips in mid-session and nobody says so: methods that wait for a period or a session end pay for it
    # people as in the electrode-shift experiment whose table the results stand beside: all alike, and clear
    "mi_cap_shift": simulated("mi_cap_shift", Timeline(announced=False), cap_shift, _CLEAR),
    # five hours after the onset: a trial every two and a half minutes of drift time
    "mi_gel_drying": simulated(
        "mi_gel_drying", Timeline(seconds_per_trial=150.0, oracle_blocks=4, announced=False), _gel_drying
    ),
    "mi_channel_loss": simulated("mi_channel_loss", Timeline(announced=False), _channel_loss, _CLEAR),
    "mi_state_change": simulated("mi_state_change", Timeline(announced=False), _state_change, _CLEAR),
    "mi_return": simulated("mi_return", _RETURN, _return, _CLEAR),
    "mi_label_shift": simulated("mi_label_shift", Timeline(announced=False), _label_shift, _CLEAR),
    "mi_reference_switch": simulated("mi_reference_switch", Timeline(), _reference_switch),
    # five sessions of 40 trials over two hours; the first is the nominal one
    "mi_sessions_fatigue": simulated(
        "mi_sessions_fatigue",
        Timeline(n_before=_SESSION, n_after=4 * _SESSION, seconds_per_trial=36.0, session=_SESSION, oracle_blocks=4),
        _sessions_fatigue,
    ),
    "mi_replay_shift": replay_shift("mi_replay_shift"),
    "mi_multiday": multiday("mi_multiday"),
    "pd_decoded_adbs": pd_decoded_adbs(),
    "mi_neurofeedback": mi_neurofeedback(),
    "ibci_monkey": ibci_monkey(),
    "ibci_cursor60": ibci_cursor60(),
    "ibci_turnover": ibci_turnover(),
    **TRANSFERS,
}
