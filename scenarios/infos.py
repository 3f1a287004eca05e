"""The facts of the built-in scenarios: plain data, so that listing them imports no numerical library."""

import functools

from .contract import ScenarioInfo

METHODS = (
    "frozen",
    "ea",
    "riemann",
    "adabn",
    "recal10",
    "recal20",
    "cft",
    "ea_cft",
    "scratch20",
    "oracle",
)
DECODERS = ("csp_lda", "tangent_lr", "eegnet", "shallow")

_simulated = functools.partial(
    ScenarioInfo,
    kind="simulated",
    methods=METHODS,
    decoder="csp_lda",
    decoders=DECODERS,
    n_subjects=16,
    n_seeds=1,
)

_ALL = (
    _simulated(
        name="mi_null",
        title="Motor imagery, nothing drifts",
        summary="Left/right motor imagery with no drift: what does adapting cost when there is nothing to adapt to?",
        severity_name="no drift",
        severity_unit="",
        severities=(0.0,),
        severity_limits=(0.0, 0.0),
        reference="Control condition: false adaptation and harm against the frozen decoder.",
    ),
    _simulated(
        name="mi_cap_shift",
        title="Motor imagery, the cap moves",
        summary="Left/right motor imagery; the cap is put back some centimetres away from where training saw it.",
        severity_name="cap shift",
        severity_unit="cm",
        severities=(0.0, 1.0, 2.0, 3.0, 4.0),
        severity_limits=(0.0, 8.0),
        quick_severities=(0.0, 2.0),
        reference="Rigid shift of all electrodes, leadfield re-evaluated at the new positions.",
    ),
    _simulated(
        name="mi_gel_drying",
        title="Motor imagery, the gel dries",
        summary="Left/right motor imagery; contact impedance climbs over the session, then noise and lost contacts.",
        severity_name="impedance rise",
        severity_unit="x",
        severities=(0.0, 1.0, 2.0, 4.0),
        severity_limits=(0.0, 20.0),
        quick_severities=(0.0, 2.0),
        reference="Impedance sets thermal noise and mains pick-up; contacts above the amplifier's range drop out.",
    ),
    _simulated(
        name="mi_reference_switch",
        title="Motor imagery, the reference changes",
        summary="Left/right motor imagery; the amplifier comes back with another reference electrode.",
        severity_name="share of the new reference",
        severity_unit="",
        severities=(0.0, 0.5, 1.0),
        severity_limits=(0.0, 1.0),
        quick_severities=(0.0, 1.0),
        reference="A reference change is a rank-one linear map of the channels.",
    ),
    _simulated(
        name="mi_sessions_fatigue",
        title="Motor imagery, sessions and fatigue",
        summary="Left/right motor imagery over several sessions: covariance jumps between them, alpha and theta "
        "climb with fatigue within them.",
        severity_name="drift strength",
        severity_unit="x",
        severities=(0.0, 0.5, 1.0, 2.0),
        severity_limits=(0.0, 5.0),
        quick_severities=(0.0, 1.0),
        reference="Recurring and gradual drift together.",
    ),
    ScenarioInfo(
        name="mi_replay_shift",
        title="Recorded motor imagery, an imposed cap shift",
        summary="Real left/right motor imagery (EEGMMIDB), re-projected to a cap that has moved.",
        kind="recorded",
        severity_name="cap shift",
        severity_unit="cm",
        severities=(0.0, 1.0, 2.0, 3.0),
        severity_limits=(0.0, 8.0),
        methods=METHODS,
        decoder="tangent_lr",
        decoders=DECODERS,
        n_subjects=2,
        n_seeds=1,
        quick_severities=(0.0, 2.0),
        reference="EEGMMIDB, Schalk et al. 2004, PhysioNet (ODC-By); sources estimated at the old positions, "
        "leadfield at the new.",
    ),
    ScenarioInfo(
        name="mi_multiday",
        title="Recorded motor imagery over five months",
        summary="One person's real right-hand imagery against rest, day after day, with its own natural drift.",
        kind="recorded",
        severity_name="natural drift",
        severity_unit="",
        severities=(1.0,),
        severity_limits=(1.0, 1.0),
        methods=("frozen", "riemann", "ea", "cft", "ea_cft", "oracle"),
        decoder="tangent_lr",
        decoders=DECODERS,
        n_subjects=1,
        n_seeds=1,
        unit="session",
        quick_subjects=1,
        reference="Multi-day motor imagery, participant P01 (MIT licence).",
    ),
)

INFOS: dict[str, ScenarioInfo] = {info.name: info for info in _ALL}
