"""The facts of the transfers: plain data, as ``scenarios/infos.py`` lists them."""

import functools

from ..contract import ScenarioInfo

ARMS = ("scratch", "scratch_aligned", "frozen", "aligned", "finetuned", "oracle")
STATIC = "static"

_transfer = functools.partial(
    ScenarioInfo,
    kind="simulated",
    severity_name="another person",
    severity_unit="",
    severities=(1.0,),
    severity_limits=(1.0, 1.0),
    methods=ARMS,
    n_seeds=1,
)

TRANSFERS = (
    _transfer(
        name="transfer_new_user",
        title="A new user of motor imagery",
        summary="Decoders of many others meet a new user with 0 to 40 labelled trials: from scratch, frozen, aligned, "
        "fine-tuned; simulated people, or EEGMMIDB with --data.",
        decoder="tangent_lr",
        decoders=("tangent_lr", "csp_lda", "eegnet"),
        n_subjects=16,
        quick_subjects=3,
        pretrains=True,
        reference="Simulated left and right hand imagery; with --data the imagined fists of EEGMMIDB (Schalk et al. "
        "2004, ODC-By), leave one subject out.",
    ),
    _transfer(
        name="transfer_erp",
        title="P300 and flicker with a headband, other days",
        summary="Four electrodes: P300 and flicker of one day decoded on another, of simulated people, or recorded "
        "with --data; what is nearly stable must not be made worse.",
        severity_name="another day",
        decoder="erp_tangent",
        decoders=("erp_tangent",),
        n_subjects=12,
        quick_subjects=2,
        reference="Responses after Polich 2007; with --data those of Barachant et al., muse-lsl (BSD-3).",
    ),
    _transfer(
        name="transfer_seizure",
        title="Seizures of a new patient",
        summary="A detector of other patients meets a new one with a few labelled seconds of seizure and background: "
        "Wendling's hippocampus and the Epileptor; with --data from both to Bonn's recorded segments.",
        severity_name="another patient",
        decoder="feature_net",
        decoders=("feature_net",),
        n_subjects=12,
        quick_subjects=3,
        reference="Wendling et al. 2002; Jirsa et al. 2014; patients as in the task sz_onset_detect; with --data the "
        "EEG of Andrzejak et al. 2001.",
    ),
    _transfer(
        name="transfer_sleep",
        title="Sleep staging, the next night",
        summary="Two nights of each sleeper: staged epoch by epoch in the second, by what the first and other people "
        "teach; N2 and N3 of the thalamocortical column, or ten recorded people with --data.",
        severity_name="the next night",
        methods=(STATIC, *ARMS),
        decoder="feature_net",
        decoders=("feature_net",),
        n_subjects=10,
        quick_subjects=2,
        reference="Schellenberger Costa et al. 2016; with --data the Sleep-EDF cassette (Kemp et al. 2000, ODC-By), "
        "band powers of two derivations.",
    ),
    _transfer(
        name="transfer_species",
        title="Parkinsonian beta, from the rat to the human",
        summary="Seconds off and on medication, told apart by band powers beside the subthalamic nucleus: rats train, "
        "whose loop beats at 32 Hz, humans are met, whose loop beats at 21; in Hz, or in units of the species' beta.",
        severity_name="another species",
        decoder="feature_net",
        decoders=("feature_net",),
        n_subjects=16,
        quick_subjects=3,
        reference="Nevado-Holgado et al. 2010, with the delay of each species.",
    ),
    _transfer(
        name="transfer_depth",
        title="Depth of anaesthesia by another sensor",
        summary="Awake, light and deep under propofol: patients with a gelled strip on the forehead train, new ones "
        "are met with the same, with dry contacts there, and with dry ones at the back.",
        severity_name="another sensor",
        decoder="feature_net",
        decoders=("feature_net",),
        n_subjects=16,
        quick_subjects=3,
        reference="Robinson et al. 2002; propofol as in the task anaes_depth.",
    ),
)

TRANSFER_DECODERS = {
    "feature_net": "network of one hidden layer on features",
    "erp_tangent": "tangent space of trials beside the classes' mean responses",
}

TRANSFER_METHODS: dict[str, dict[str, str]] = {
    "scratch": {
        "title": "From scratch",
        "summary": "trained on the person's labelled trials alone",
        "tag": "causal",
        "labels": "the budget",
    },
    "scratch_aligned": {
        "title": "From scratch, aligned",
        "summary": "from scratch, the person's scale followed trial by trial",
        "tag": "causal",
        "labels": "the budget",
    },
    "aligned": {
        "title": "Source, aligned",
        "summary": "the source's decoder, the person's scale followed trial by trial",
        "tag": "causal",
        "labels": "none",
    },
    "finetuned": {
        "title": "Source, fine-tuned",
        "summary": "aligned, and trained on with the person's labelled trials",
        "tag": "causal",
        "labels": "the budget",
    },
    "static": {
        "title": "Static LDA",
        "summary": "shrinkage LDA of the person's first night, nothing moved",
        "tag": "causal",
        "labels": "a whole night",
    },
}
