"""Alignment with a source, and the classical adaptive classifiers."""

from ..methods.alignment import RiemannianRecentering
from ..methods.class_means import ClassMeans
from ..methods.coral import Coral
from ..methods.mdwm import WeightedMeans
from ..methods.pcovmean import AdaptiveLDA
from ..methods.pmean import PooledMean
from ..methods.rotation import RotatedRecentring
from ..methods.spdbn import SPDBatchNorm
from ..methods.stretch import Stretch
from ..spec import MethodSpec, composed

SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        "pmean",
        "PMean",
        "the readout's bias follows the running mean of the features",
        "causal",
        "none",
        ("stats",),
        composed(PooledMean),
        needs=("csp_lda", "tangent_lr"),
        failure="Where one class comes more often its mean is taken for the pooled one: the boundary moves into it.",
    ),
    MethodSpec(
        "pcovmean",
        "PMean + PCovMean",
        "adaptive LDA: class means and inverse covariance follow every label",
        "causal",
        "every trial",
        ("params",),
        composed(AdaptiveLDA),
        needs=("csp_lda",),
        learns_from="labels",
        failure="The inverse covariance grows without bound in directions that windows stop exciting.",
    ),
    MethodSpec(
        "mdm_adaptive",
        "Adaptive MDM",
        "the mean of a class steps towards every labelled window of it",
        "causal",
        "every trial",
        ("params",),
        composed(ClassMeans),
        needs=("mdm",),
        learns_from="labels",
        failure="One step per label forgets the calibration: wrong labels pull the means together.",
    ),
    MethodSpec(
        "mdm_pseudo",
        "Adaptive MDM, pseudo-labels",
        "the mean of a class steps towards every window predicted to be of it",
        "causal",
        "none",
        ("params",),
        composed(lambda: ClassMeans(pseudo=True)),
        needs=("mdm",),
        failure="It reinforces its own errors: after a large drift the means settle where the mistakes are.",
    ),
    MethodSpec(
        "mdwm",
        "MDWM",
        "class means between those of the calibration and those of the latest 10 labels per class",
        "causal",
        "every trial",
        ("params",),
        composed(WeightedMeans),
        needs=("mdm",),
        learns_from="labels",
        failure="Its trade-off is not tuned: half way is too far without drift and too little after a large one.",
    ),
    MethodSpec(
        "recentre_stretch",
        "Recentring and stretching",
        "Riemannian recentring, then scaling by dispersion: RPA's two steps without labels",
        "causal",
        "none",
        ("align", "stats"),
        composed(RiemannianRecentering, Stretch),
        needs=("tangent_lr", "mdm"),
        failure="Windows of one class scatter less than those of all: they are stretched too far.",
    ),
    MethodSpec(
        "rpa",
        "Riemannian Procrustes analysis",
        "recentring, scaling by dispersion, and a rotation of class means onto the calibration's",
        "causal",
        "every trial",
        ("align", "stats"),
        composed(RotatedRecentring, Stretch),
        needs=("tangent_lr", "mdm"),
        learns_from="labels",
        failure="The rotation has n(n - 1)/2 angles and overfits the means of few trials.",
    ),
    MethodSpec(
        "coral",
        "CORAL",
        "features recoloured from their running covariance to that of the calibration",
        "causal",
        "none",
        ("params",),
        composed(Coral),
        needs=("csp_lda", "tangent_lr"),
        failure="It matches marginals only: a share of classes that changed is taken for a drift and undone.",
    ),
    MethodSpec(
        "spdbn",
        "SPD batch normalisation",
        "mean and dispersion of the domain follow batches of 5 windows (eta .1)",
        "causal",
        "none",
        ("align", "stats"),
        composed(SPDBatchNorm),
        needs=("tangent_lr", "mdm"),
        failure="A share of classes that changed moves the domain's mean, and with it every window.",
    ),
)
