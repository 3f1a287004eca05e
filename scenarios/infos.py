"""The facts of the built-in scenarios: plain data, so that listing them imports no numerical library."""

import functools

from .contract import ScenarioInfo
from .transfer.infos import TRANSFER_DECODERS, TRANSFER_METHODS, TRANSFERS

METHODS = (
    "frozen",
    "ea",
    "ea_ema",
    "riemann",
    "adabn",
    "recal10",
    "recal20",
    "cft",
    "ea_cft",
    "scratch20",
    "oracle",
)
DECODERS = ("csp_lda", "tangent_lr", "mdm", "eegnet", "shallow")

_simulated = functools.partial(
    ScenarioInfo,
    kind="simulated",
    methods=METHODS,
    decoder="csp_lda",
    decoders=DECODERS,
    n_subjects=16,
    n_seeds=1,
    jobs=2,
    budgets=True,
    pretrains=True,
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
        summary="Left/right motor imagery; in mid-session, unannounced, the cap slips some centimetres sideways.",
        severity_name="cap shift",
        severity_unit="cm",
        severities=(0.0, 1.0, 2.0, 3.0, 4.0),
        severity_limits=(0.0, 8.0),
        quick_severities=(0.0, 2.0),
        reference="Rigid shift of all electrodes, leadfield re-evaluated at the new positions; people of equal "
        "desynchronisation (.50 contralateral, .10 ipsilateral), so that the shift alone tells them apart.",
    ),
    _simulated(
        name="mi_gel_drying",
        title="Motor imagery, the gel dries",
        summary="Left/right motor imagery over five hours; impedance climbs, contacts get noisy and drop out.",
        severity_name="asymptotic mean rise of impedance",
        severity_unit="kOhm",
        severities=(0.0, 10.0, 50.0, 100.0),
        severity_limits=(0.0, 1000.0),
        quick_severities=(0.0, 50.0),
        reference="Z0 + rise (1 - exp(-t/tau)) with tau 4 h (assumed); 1/f contact noise grows with impedance. Wet "
        "caps reach about 10 kOhm after 5 h, dry electrodes 50-100 kOhm.",
    ),
    _simulated(
        name="mi_reference_switch",
        title="Motor imagery, the reference changes",
        summary="Left/right motor imagery; the amplifier comes back with another reference: 0 still FCz, 1 the "
        "common average, 2 linked mastoids.",
        severity_name="reference after the switch",
        severity_unit="",
        severities=(0.0, 1.0, 2.0),
        severity_limits=(0.0, 2.0),
        severity_levels=True,
        methods=("invariant", *METHODS),
        quick_severities=(0.0, 1.0),
        reference="A change of reference takes one time course off all channels: a decoder behind a common average "
        "does not notice.",
    ),
    _simulated(
        name="mi_sessions_fatigue",
        title="Motor imagery, sessions and fatigue",
        summary="Left/right motor imagery over five sessions: the covariance jumps with every mounting of the cap, "
        "alpha and theta climb with fatigue.",
        severity_name="drift strength",
        severity_unit="x",
        severities=(0.0, 1.0, 2.0),
        severity_limits=(0.0, 5.0),
        quick_severities=(0.0, 1.0),
        reference="1 x: 7.5 mm of repositioning and 5 % of mixing a session; theta +29 %, alpha +44 % (Trejo 2015).",
    ),
    _simulated(
        name="mi_channel_loss",
        title="Motor imagery, electrodes fall off",
        summary="Left/right motor imagery; in mid-session, unannounced, some of 31 electrodes lose contact for good.",
        severity_name="electrodes lost",
        severity_unit="of 31",
        severities=(0.0, 1.0, 2.0, 4.0),
        severity_limits=(0.0, 31.0),
        quick_severities=(0.0, 1.0),
        reference="Electrodes drawn at random, open leads that pick up mains and noise; people as in mi_cap_shift.",
    ),
    _simulated(
        name="mi_state_change",
        title="Motor imagery, the person gets drowsy",
        summary="Left/right motor imagery; in mid-session the brain's state changes and stays: stronger alpha and mu, "
        "weaker modulation. What is lost is the signal: the oracle brings none of it back.",
        severity_name="depth of drowsiness",
        severity_unit="x",
        severities=(0.0, 0.5, 1.0),
        severity_limits=(0.0, 2.0),
        quick_severities=(0.0, 1.0),
        reference="1 x: background alpha doubled, mu 30 % stronger, modulation 40 % weaker (assumed); people as in "
        "mi_cap_shift.",
    ),
    _simulated(
        name="mi_return",
        title="Motor imagery, the cap moves and comes back",
        summary="Left/right motor imagery; the cap slips sideways and 60 trials later is back where it was, both "
        "unannounced: what does learning the one cost the other?",
        severity_name="cap shift in between",
        severity_unit="cm",
        severities=(0.0, 2.0, 3.0),
        severity_limits=(0.0, 8.0),
        quick_severities=(0.0, 2.0),
        reference="A-B-A; backward and forward transfer and forgetting after Lopez-Paz & Ranzato 2017; people as in "
        "mi_cap_shift.",
    ),
    _simulated(
        name="mi_label_shift",
        title="Motor imagery, one class becomes frequent",
        summary="Left/right motor imagery; in mid-session the cap slips one centimetre, and from then on there are so "
        "many trials of one hand for each of the other: alignment and class-balanced losses suppose that it is one.",
        severity_name="class ratio",
        severity_unit=": 1",
        severities=(0.0, 1.0, 2.0, 9.0),
        severity_limits=(0.0, 99.0),
        quick_severities=(0.0, 9.0),
        reference="Which hand becomes frequent is drawn per person; a cap shift of 1 cm with each ratio but 0; people "
        "as in mi_cap_shift. Balanced accuracy is beside accuracy in the table: guessing the frequent hand is no "
        "recovery.",
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
        methods=tuple(m for m in METHODS if m not in ("recal20", "scratch20")),
        decoder="tangent_lr",
        decoders=DECODERS,
        n_subjects=2,
        n_seeds=10,
        quick_severities=(0.0, 2.0),
        budgets=True,
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
        methods=(
            "frozen",
            "ea",
            "riemann",
            "cft",
            "riemann_online",
            "riemann_refit",
            "daily",
            "daily_ea",
            "daily_riemann",
            "daily_riemann_cft",
            "daily_riemann_labels",
            "daily_riemann_refit",
            "oracle",
        ),
        decoder="tangent_lr",
        decoders=("csp_lda", "tangent_lr"),
        n_subjects=1,
        n_seeds=1,
        unit="session",
        budgets=True,
        quick_subjects=1,
        reference="Multi-day motor imagery, participant P01 (MIT licence).",
    ),
)

CLOSED = (
    ScenarioInfo(
        name="pd_decoded_adbs",
        title="Adaptive deep brain stimulation by a decoder, both loops at once",
        summary="A decoder estimates beta from drifting EEG with the stimulation artefact in it, and a policy acts on "
        "what it says: each decoder with each policy, fixed, adapting and oracle.",
        kind="closed",
        severity_name="drift",
        severity_unit="times the standard one",
        severities=(0.0, 1.0),
        severity_limits=(0.0, 2.0),
        methods=("frozen", "ea", "ea_cft", "oracle"),
        decoder="csp_lda",
        decoders=("csp_lda", "tangent_lr"),
        n_subjects=8,
        n_seeds=1,
        quick_severities=(1.0,),
        quick_subjects=4,
        reference="Beta of the model of Nevado-Holgado (2010) under pulses; the drift is electrodes (cap, gel, gain), "
        "brain (levodopa, time of day) and a waning effect of stimulation, sizes as in the code, partly assumed.",
    ),
    ScenarioInfo(
        name="mi_neurofeedback",
        title="Motor imagery that earns stimulation",
        summary="Imagery that is decoded correctly earns stimulation of the hand area, which deepens what one "
        "imagines; sham at the same dose; the cap slips meanwhile.",
        kind="closed",
        severity_name="cap shift",
        severity_unit="cm",
        severities=(0.0, 3.0),
        severity_limits=(0.0, 8.0),
        methods=("frozen", "ea", "ea_cft"),
        decoder="csp_lda",
        decoders=("csp_lda", "tangent_lr"),
        n_subjects=12,
        n_seeds=1,
        quick_severities=(3.0,),
        quick_subjects=4,
        reference="Rigid shift of all electrodes; the rule of conditioning is assumed.",
    ),
)

INTRACORTICAL = (
    ScenarioInfo(
        name="ibci_monkey",
        title="Recorded instabilities of a monkey's electrodes",
        summary="A recorded session of cursor control with electrodes swapped, offset and silenced, decoded again: "
        "nothing done, re-aligned without labels, refitted.",
        kind="recorded",
        severity_name="the published instability",
        severity_unit="",
        severities=(1.0,),
        severity_limits=(1.0, 1.0),
        methods=("frozen", "stabiliser", "supervised"),
        decoder="kalman",
        decoders=("kalman",),
        n_subjects=1,
        n_seeds=1,
        unit="session",
        quick_subjects=1,
        reference="Degenhart et al. 2020, Nat. Biomed. Eng. 4:672 (data: MIT licence).",
    ),
    ScenarioInfo(
        name="ibci_cursor60",
        title="Sixty days of a drifting cursor",
        summary="A simulated user steers a cursor through 192 units whose tuning turns a little every night; every "
        "method recalibrates daily on what was done.",
        kind="closed",
        severity_name="correlation of the tuning from day to day",
        severity_unit="",
        severities=(0.91,),
        severity_limits=(0.0, 1.0),
        methods=("frozen", "stabiliser", "rti", "prit", "supervised"),
        decoder="linear",
        decoders=("linear",),
        n_subjects=10,
        n_seeds=1,
        quick_subjects=2,
        reference="Wilson et al. 2023, Long-term unsupervised recalibration of cursor BCIs, bioRxiv 2023.02.03.527022.",
    ),
    ScenarioInfo(
        name="ibci_turnover",
        title="Four months of neurons that come and go",
        summary="Reaching while the units of an array are lost and replaced and rates walk: velocity decoded by a "
        "frozen, a stabilised and a refitted Kalman filter.",
        kind="simulated",
        severity_name="speed of turnover",
        severity_unit="times the published one",
        severities=(1.0,),
        severity_limits=(0.0, 10.0),
        methods=("frozen", "stabiliser", "supervised", "oracle"),
        decoder="kalman",
        decoders=("kalman",),
        n_subjects=10,
        n_seeds=1,
        quick_subjects=3,
        reference="Vaidya et al. 2014, EMBC 4872; Perge et al. 2013, J. Neural Eng. 10:036004.",
    ),
)

# Decoders of spikes, which are none of the registry's either.
OWN_DECODERS: dict[str, str] = {
    "kalman": "Kalman filter of the velocity",
    "linear": "linear decoder of the direction, smoothed",
    **TRANSFER_DECODERS,
}

# Methods of scenarios that are none of the registry's: title, summary, tag and labels, as tables show them.
DAILY = "daily"
PAST_DAYS = "those of all past days"
OWN_METHODS: dict[str, dict[str, str]] = {
    "invariant": {
        "title": "Reference-free features",
        "summary": "the common average is taken out before everything: no change of reference is left",
        "tag": "causal",
        "labels": "none",
    },
    "stabiliser": {
        "title": "Stabiliser",
        "summary": "factor analysis of unlabelled bins, turned onto the latents of before over the stable units",
        "tag": "causal",
        "labels": "none",
    },
    "rti": {
        "title": "Retrospective target inference",
        "summary": "refitted daily, the place of each selection taken for what was aimed at before it",
        "tag": "causal",
        "labels": "none",
    },
    "prit": {
        "title": "Probabilistic retrospective inference of targets",
        "summary": "refitted daily on targets that a hidden Markov model infers from where the cursor went",
        "tag": "causal",
        "labels": "none",
    },
    "supervised": {
        "title": "Supervised refit",
        "summary": "refitted in each session on bins whose intended movement is known",
        "tag": "causal",
        "labels": "a block of each session",
    },
    "daily": {
        "title": "Retrained daily",
        "summary": "trained anew each morning on all past days, nothing adapts within the day",
        "tag": "causal",
        "labels": PAST_DAYS,
    },
    "daily_ea": {
        "title": "Retrained daily + Euclidean alignment",
        "summary": "trained each morning on aligned past runs, each new run aligned as it comes",
        "tag": "causal",
        "labels": PAST_DAYS,
    },
    "daily_riemann": {
        "title": "Retrained daily + Riemannian recentering",
        "summary": "trained each morning on recentred past runs, each new run recentred as it comes",
        "tag": "causal",
        "labels": PAST_DAYS,
    },
    "daily_riemann_cft": {
        "title": "Retrained daily + recentering + fine-tuning",
        "summary": "as retrained daily + recentering, with gradient steps on every label of the day",
        "tag": "causal",
        "labels": "every trial",
    },
    "daily_riemann_labels": {
        "title": "Retrained daily + recentering + online readout",
        "summary": "as retrained daily + recentering, the readout follows every label of the day",
        "tag": "causal",
        "labels": "every trial",
    },
    "daily_riemann_refit": {
        "title": "Retrained daily + recentering + refitted readout",
        "summary": "as retrained daily + recentering, the readout fitted again after every label of the day",
        "tag": "causal",
        "labels": "every trial",
    },
    **TRANSFER_METHODS,
}

INFOS: dict[str, ScenarioInfo] = {info.name: info for info in (*_ALL, *CLOSED, *INTRACORTICAL, *TRANSFERS)}
