"""Which methods with which label budgets meet which drifts: from what a user asked for to one run per scenario."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ...sim.errors import InputError
from ..budgets import BOUNDS, BUDGETS, SEPARATOR, split_arm
from ..config import make_config
from ..contract import RunConfig, ScenarioInfo
from ..lookup import did_you_mean, get_info, is_plugin, load_attribute
from .secret import Secret

# Severities at which frozen loses some ten to thirty points, where it can.
SCENARIOS: Mapping[str, float] = {
    "mi_null": 0.0,
    "mi_cap_shift": 2.0,
    "mi_gel_drying": 50.0,
    "mi_channel_loss": 1.0,
    "mi_state_change": 1.0,
    "mi_return": 2.0,
    "mi_label_shift": 9.0,
    "mi_reference_switch": 1.0,
    "mi_sessions_fatigue": 1.0,
    "mi_replay_shift": 2.0,
    "mi_multiday": 1.0,
}
QUICK_SCENARIOS = ("mi_null", "mi_cap_shift", "mi_gel_drying")
METHODS = (
    *("ea", "ea_ema", "riemann", "adabn", "pmean", "coral", "tent", "shot_im", "ttime", "ttime_imbalanced"),
    *("ttime_ens", "eata", "cotta", "ea_guarded", "ttime_guarded", "ea_gated", "errp", "ea_errp"),
    *("recal20", "cft", "ea_cft", "riemann_cft", "riemann_online", "ewc", "replay_balanced", "last_layer"),
    "ea_cft_guarded",
)
QUICK_METHODS = ("ea", "riemann", "pmean", "ttime", "ea_guarded", "errp", "ea_errp", "cft", "ea_cft")
BUDGETS_OF = {
    "windows": ("none",),
    "errors": ("errors",),
    "labels": ("10", "20", "delayed", "full"),
}
EVERY_TRIAL = "every trial"  # a method that asks for another share of the labels rations them by its own clock
DECODER = "csp_lda"
QUICK_SUBJECTS, QUICK_SEEDS = 6, 2
HIDDEN = "hidden:"
_RECORDED = ("mi_replay_shift", "mi_multiday")  # published, so nothing of them can be hidden


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkPlan:
    """One run per scenario, the arms of each; why methods were left out; the command that makes it again.

    secret: None, or what people are drawn from instead of the published seeds.
    """

    runs: tuple[RunConfig, ...]
    arms: tuple[str, ...]
    left_out: Mapping[str, str]
    decoder: str
    quick: bool
    command: str
    secret: Secret | None = None


def make_plan(
    *,
    methods: Sequence[str] | None = None,
    scenarios: Sequence[str] | None = None,
    budgets: Sequence[str] | None = None,
    decoder: str | None = None,
    subjects: int | None = None,
    seeds: int | None = None,
    quick: bool = False,
    secret: Secret | None = None,
    secret_file: str = "FILE",
) -> BenchmarkPlan:
    """The benchmark of ``methods`` (names, ``module:attribute``, or arms such as ``cft@10``) under ``scenarios``
    (names, or ``name=severity``) with ``budgets``; frozen and oracle are always in.

    A method takes part with the budgets that mean something for what it learns from; one that does not fit the decoder
    is left out, with the reason. InputError for names that do not exist.
    """
    decoder = decoder or DECODER
    wanted = dict.fromkeys(budgets or BUDGETS)
    for name in wanted:
        if name not in BUDGETS:
            raise InputError(f"unknown label budget '{name}'{did_you_mean(name, BUDGETS)}")
    if methods is not None and not methods:
        raise InputError(f"no method given; for instance --methods {','.join(QUICK_METHODS)}")
    arms, left_out = arms_of(methods or (QUICK_METHODS if quick else METHODS), tuple(wanted), decoder)
    if not arms:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError(f"there is nothing to compare with frozen: {reasons or 'only bounds were named'}")
    named = scenarios or (QUICK_SCENARIOS if quick else [s for s in SCENARIOS if secret is None or s not in _RECORDED])
    runs = []
    for text in named:
        name, severity = _severity(text)
        info = _info(name, secret)
        runs.append(
            make_config(
                name,
                info,
                methods=("frozen", *arms, "oracle"),
                severities=(severity,) if severity is not None else (SCENARIOS.get(name, info.severities[-1]),),
                seeds=seeds if seeds is not None else min(QUICK_SEEDS, info.n_seeds) if quick else None,
                subjects=_people(subjects, info, quick),
                decoder=decoder,
                data=None if secret is None else f"{HIDDEN}{secret.commitment}",
                quick=quick,
            )
        )
    if len({run.scenario for run in runs}) < len(runs):
        raise InputError(f"--scenarios is '{','.join(named)}': it names a scenario twice; name each once")
    words = ["neurodrift", "compare", "--benchmark", "--methods", ",".join(arms)]
    words += ["--scenarios", ",".join(f"{run.scenario}={run.severities[0]:g}" for run in runs), "--decoder", decoder]
    words += ["--subjects", str(max(run.subjects for run in runs))]
    words += [] if seeds is None else ["--seeds", str(seeds)]
    words += (["--quick"] if quick else []) + ([] if secret is None else ["--secret-file", secret_file])
    return BenchmarkPlan(
        runs=tuple(runs),
        arms=arms,
        left_out=left_out,
        decoder=decoder,
        quick=quick,
        command=shlex.join(words),
        secret=secret,
    )


def arms_of(methods: Sequence[str], budgets: Sequence[str], decoder: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The arms of ``methods``, in their order, and the methods left out with the reason."""
    from ...adaptation import registry

    arms: dict[str, None] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(methods):
        method, budget = split_arm(name)
        if method in BOUNDS:
            continue
        if is_plugin(method):
            possible = _of_plugin(method)
        else:
            spec = registry.METHODS.get(method)
            if spec is None:
                raise InputError(f"unknown method '{method}'{did_you_mean(method, registry.METHODS)} (neurodrift list)")
            if decoder in registry.DECODERS and not spec.fits(registry.DECODERS[decoder]):
                left_out[method] = f"it works on {_needs(spec)} only, not on {decoder}"
                continue
            possible = BUDGETS_OF[spec.learns_from]
            if spec.learns_from == "labels" and spec.labels != EVERY_TRIAL:
                possible = ("full",)
        if SEPARATOR in name:
            arms[f"{method}{SEPARATOR}{budget.name}"] = None
            continue
        chosen = [one for one in possible if one in budgets]
        if not chosen:
            left_out[method] = f"it learns with the label budgets {', '.join(possible)}, none of which was asked for"
        arms.update({f"{method}{SEPARATOR}{one}": None for one in chosen})
    return tuple(arms), left_out


def _people(subjects: int | None, info: ScenarioInfo, quick: bool) -> int:
    wanted = (QUICK_SUBJECTS if quick else info.n_subjects) if subjects is None else subjects
    return min(wanted, info.n_subjects) if info.kind == "recorded" else wanted


def _needs(spec: Any) -> str:
    return ", ".join(spec.needs) if isinstance(spec.needs, tuple) else f"a {spec.needs} decoder"


def _of_plugin(name: str) -> Sequence[str]:
    """The budgets of a user's own method: by its ``learns_from`` where it says so, all otherwise."""
    learns_from = getattr(load_attribute(name), "learns_from", None)
    return BUDGETS_OF.get(str(learns_from), tuple(BUDGETS))


def _severity(text: str) -> tuple[str, float | None]:
    name, sign, level = text.partition("=")
    if not sign:
        return name, None
    try:
        return name, float(level)
    except ValueError:
        raise InputError(
            f"--scenarios holds '{text}': wanted a name, or a name and a severity, such as mi_cap_shift=2"
        ) from None


def _info(name: str, secret: Secret | None) -> ScenarioInfo:
    info = get_info(name)
    if not info.budgets:
        raise InputError(
            f"{name} knows no label budgets, so the benchmark can't have it; choose from {', '.join(SCENARIOS)}"
        )
    if secret is not None and info.kind != "simulated":
        raise InputError(f"{name} replays published recordings, so nothing of it can be hidden; leave it out")
    return info
