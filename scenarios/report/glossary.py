"""What the columns and figures mean, in two lines each."""

GLOSSARY = (
    (
        "Frozen, oracle",
        "Frozen is the decoder as calibrated, nothing adapts: the lower bound. The oracle was retrained on "
        "labelled trials from after the drift, which no method has: the upper bound of retraining. A method that adds "
        "its labels to the calibration's can pass it.",
    ),
    (
        "Before, after",
        "Accuracy of the predictions made before each update: over the last 50 trials before the onset, and over "
        "the last 50 trials of the stream (all scored trials for a recorded stream without an imposed onset).",
    ),
    (
        "Drop",
        "Accuracy before minus accuracy over the first 20 trials after the onset, in points (pp).",
    ),
    (
        "Recovery (TTR90)",
        "First trial after the onset from which the mean of the last 20 trials stays at chance + 90 % of what "
        "there was before, for 10 trials. The median is Kaplan and Meier's: streams not seen to recover count as "
        "unrecovered. A noisy stream can cross by luck, so read it against frozen's.",
    ),
    (
        "Labels to recovery",
        "Labels used between the onset and the recovery; 0 for methods without labels.",
    ),
    (
        "Normalised area (nAUD)",
        "Accuracy lost against the oracle, summed over all trials, as a share of what frozen loses: 0 as good as "
        "the oracle, below 0 better, 1 as bad as frozen, above 1 harm. Undefined where the oracle's gain over frozen "
        "is below 1 point or its interval includes 0.",
    ),
    (
        "Area (AUD)",
        "Sum over trials of what the fading accuracy lacks to the accuracy before the onset, in trials.",
    ),
    (
        "Over frozen",
        "Mean difference from frozen over all trials after the onset, paired by subject (or session), in points.",
    ),
    (
        "Harm",
        "D is the difference from frozen of each subject and session. Harm: share with D more than 1 pp below 0; "
        "also more than 5 pp below, the mean of the worst tenth (CVaR10) and the worst.",
    ),
    (
        "Recovered share",
        "(method - frozen) / (oracle - frozen) over the last 50 trials; undefined like the area.",
    ),
    (
        "Kappa, kappa kept",
        "Cohen's agreement beyond chance after the onset, and its ratio to that before.",
    ),
    (
        "Balanced",
        "Mean over classes of the share recognised, so that a frequent class cannot carry the figure.",
    ),
    (
        "Unequal classes",
        "Where a scenario makes one class frequent, accuracies, what is over frozen, harm and the normalised area "
        "count both classes alike; the drop, recovery and the curves count trials.",
    ),
    (
        "Backward, forward transfer, forgetting",
        "Where what drifted comes back: accuracy over the first 20 trials after the return minus the last 50 before "
        "the onset, what of that is loss (never below 0, so that chance gives frozen some: read it against frozen's), "
        "and accuracy over the first 20 trials after the onset minus frozen's.",
    ),
    (
        "At 10 or 20 labels",
        "Accuracy over the 20 trials that follow once so many labels were used since the onset.",
    ),
    (
        "ECE, Brier",
        "ECE: distance between confidence and accuracy over 10 bins of confidence, all subjects pooled. Brier: "
        "squared error of the probabilities summed over classes, 0 to 2.",
    ),
    (
        "Risk-coverage",
        "Mean error rate when the least confident trials may be left out, over all shares left out; 0 is best.",
    ),
    (
        "Bits/min",
        "Wolpaw's information transfer rate at one selection per trial; 0 at chance and below.",
    ),
    (
        "Update, predict ms",
        "Compute time of one update and one prediction, measured alone: median (p50) and 99th percentile.",
    ),
    (
        "Intervals, tests",
        "[lo, hi] is the 95 % percentile bootstrap interval over subjects (over sessions where one person was "
        "recorded). Tests are paired Wilcoxon signed-rank against frozen, Holm-adjusted over all methods and "
        "severities.",
    ),
    (
        "Best of several",
        "The best method is picked on the same data, so its figure is a little too good; the order matters more.",
    ),
    (
        "Causal, prefix, transductive",
        "Causal: only the past is used. Prefix: a stretch after the onset is used and not scored. Transductive: "
        "the scored trials themselves are used.",
    ),
)
