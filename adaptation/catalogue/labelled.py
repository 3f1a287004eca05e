"""Learning from labels, or from reward, without forgetting."""

from collections.abc import Callable
from typing import Any

from ..contract import Adapter
from ..methods.agem import AveragedGem
from ..methods.alignment import EuclideanAlignment, RiemannianRecentering
from ..methods.balanced import BalancedReplay
from ..methods.composed import Composed
from ..methods.errors import ErrorSigns
from ..methods.ewc import ElasticWeights
from ..methods.finetuning import ContinualFineTuning
from ..methods.layers import LastLayer, LayerDecay, PlainRates
from ..methods.lora import LowRank
from ..methods.lwf import WithoutForgetting
from ..methods.recent import Recent
from ..methods.renormalisation import Renormalisation
from ..spec import MethodSpec, composed

EVERY_TRIAL = "every trial"


def _tuned(**choices: Any) -> Callable[[], Adapter]:
    return lambda: Composed(parts=(ContinualFineTuning(**choices),))


def edapt(window: int = 100) -> Adapter:
    """The setting of EDAPT (Haxel 2025) with a sliding window of so many labelled trials: one Adam step a trial on all
    of them, learning rate 1e-4, none in the first 20 trials, behind Euclidean alignment and renormalisation. Theirs
    trains with dropout and the batch's own feature statistics, this one without and with those in force."""
    tuning = ContinualFineTuning(
        learning_rate=1e-4,
        n_steps=1,
        warm_up=20,
        replay=Recent(window=window, batch_size=0, across_sessions=True),
        reach=PlainRates(),
    )
    return Composed(parts=(EuclideanAlignment(), Renormalisation(), tuning))


SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        "ewc",
        "Elastic weight consolidation",
        "fine-tuning on this session's trials, parameters held by the Fisher information of the calibration",
        "causal",
        EVERY_TRIAL,
        ("params",),
        _tuned(replay=Recent(), objective=ElasticWeights()),
        learns_from="labels",
        failure="holds on to what the calibration settled: with a large strength it does not adapt at all",
    ),
    MethodSpec(
        "lwf",
        "Learning without forgetting",
        "fine-tuning on this session's trials beside the answers of the decoder before the stream",
        "causal",
        EVERY_TRIAL,
        ("params",),
        _tuned(replay=Recent(), objective=WithoutForgetting()),
        learns_from="labels",
        failure="its teacher is the decoder that drifted: where that is wrong it pulls back to wrong answers",
    ),
    MethodSpec(
        "agem",
        "A-GEM",
        "fine-tuning on this session's trials, gradients projected where they would raise the loss on old ones",
        "causal",
        EVERY_TRIAL,
        ("params",),
        _tuned(objective=AveragedGem()),
        learns_from="labels",
        failure="old and new trials that contradict each other leave hardly any direction to learn in",
    ),
    MethodSpec(
        "replay_balanced",
        "Fine-tuning, class-balanced replay",
        "continual fine-tuning on batches in which every class counts alike",
        "causal",
        EVERY_TRIAL,
        ("params",),
        _tuned(replay=BalancedReplay()),
        learns_from="labels",
        failure="repeats the few trials of a rare class, and takes wrong labels of it just as seriously",
    ),
    MethodSpec(
        "last_layer",
        "Fine-tuning of the last layer",
        "continual fine-tuning of the readout alone",
        "causal",
        EVERY_TRIAL,
        ("params",),
        _tuned(reach=LastLayer()),
        learns_from="labels",
        failure="cannot mend features: after a turn of the sensors the readout has little left to read",
    ),
    MethodSpec(
        "layerwise",
        "Fine-tuning, layer-wise rates",
        "continual fine-tuning with a learning rate .9 times that of the layer above",
        "causal",
        EVERY_TRIAL,
        ("params",),
        _tuned(reach=LayerDecay()),
        learns_from="labels",
        failure="in a decoder of few layers .9 a layer holds back nothing: lower layers follow a few noisy labels",
    ),
    MethodSpec(
        "lora",
        "Low-rank adaptation",
        "continual fine-tuning of a product of rank 1 beside every matrix of the decoder (LoRA)",
        "causal",
        EVERY_TRIAL,
        ("params",),
        _tuned(reach=LowRank()),
        learns_from="labels",
        failure="offsets stay where they are, and a drift of higher rank than its own is out of reach",
    ),
    MethodSpec(
        "edapt",
        "EDAPT",
        "Euclidean alignment, renormalisation, and a step a trial on the last 100 labelled trials",
        "causal",
        EVERY_TRIAL,
        ("align", "params", "stats"),
        edapt,
        learns_from="labels",
        failure="with a short window (10 trials) it fits those and loses the rest; nothing stands against wrong labels",
    ),
    MethodSpec(
        "errp",
        "Error signs",
        "the readout learns from signs of errors after its predictions, believed to be wrong 24 % of the time",
        "causal",
        "none; a sign of an error, or of none, after every trial",
        ("params",),
        composed(ErrorSigns),
        learns_from="errors",
        failure="takes signs that are wrong more often than it believes for news",
    ),
    MethodSpec(
        "ea_errp",
        "Euclidean alignment + error signs",
        "Euclidean alignment, the readout learning from signs of errors on aligned windows",
        "causal",
        "none; a sign of an error, or of none, after every trial",
        ("align", "params"),
        composed(EuclideanAlignment, ErrorSigns),
        learns_from="errors",
        failure="takes signs that are wrong more often than it believes for news",
    ),
    MethodSpec(
        "riemann_errp",
        "Riemannian recentering + error signs",
        "Riemannian recentering, the readout learning from signs of errors on recentred windows",
        "causal",
        "none; a sign of an error, or of none, after every trial",
        ("align", "params"),
        composed(RiemannianRecentering, ErrorSigns),
        learns_from="errors",
        failure="takes signs that are wrong more often than it believes for news",
    ),
)
