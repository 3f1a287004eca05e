"""From what a user asked for to a complete, checked configuration, and back to the command that gives it."""

import math
import os
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from ..sim.errors import InputError
from .budgets import SEPARATOR, split_arm
from .contract import RunConfig, ScenarioInfo
from .lookup import did_you_mean, is_plugin, load_attribute


def make_config(
    scenario: str,
    info: ScenarioInfo,
    *,
    methods: Sequence[str] | None = None,
    severities: Sequence[float] | None = None,
    seeds: int | None = None,
    subjects: int | None = None,
    decoder: str | None = None,
    data: str | None = None,
    label_delay: int = 0,
    label_missing: float = 0.0,
    label_noise: float = 0.0,
    quick: bool = False,
    start: str | None = None,
) -> RunConfig:
    """The configuration of ``scenario`` with the defaults of ``info`` wherever None was given.

    InputError, with the nearest name that exists, for a method, decoder, level or count that can't be.
    """
    if quick:
        severities = severities or info.quick_severities
        subjects = subjects if subjects is not None else min(info.quick_subjects, info.n_subjects)
        seeds = 1 if seeds is None else seeds
    if start is not None and not info.pretrains:
        raise InputError(f"--start is '{start}': {info.name} pretrains no network; leave --start out")
    decoder = _decoder(decoder, info)
    return RunConfig(
        scenario=scenario,
        methods=_fitting(_methods(methods, info), methods is None, decoder, info),
        decoder=decoder,
        severities=_severities(severities, info),
        seeds=_count("seeds", seeds, info.n_seeds),
        subjects=_count("subjects", subjects, info.n_subjects),
        data=data,
        label_delay=_count("label-delay", label_delay, 0, least=0),
        label_missing=_probability("label-missing", label_missing),
        label_noise=_probability("label-noise", label_noise),
        quick=quick,
        start=start,
    )


def _methods(methods: Sequence[str] | None, info: ScenarioInfo) -> tuple[str, ...]:
    if methods is None:
        return info.methods
    chosen = tuple(dict.fromkeys(methods))
    if not chosen:
        raise InputError(f"no method given; choose from {', '.join(info.methods)}")
    for arm in chosen:
        name, budget = split_arm(arm)
        if SEPARATOR in arm and not info.budgets:
            raise InputError(f"'{arm}': {info.name} knows no label budgets; leave '@{budget.name}' out")
        if name in info.methods:
            continue
        if is_plugin(name):
            load_attribute(name)
            continue
        known = [*dict.fromkeys([*info.methods, *_registered_methods()])]
        if name not in known:
            raise InputError(f"unknown method '{name}'{did_you_mean(name, known)} (neurodrift list)")
    return chosen


def _fitting(arms: tuple[str, ...], default: bool, decoder: str, info: ScenarioInfo) -> tuple[str, ...]:
    """The arms, but for defaults that do not work on the decoder; InputError for one that was asked for."""
    if decoder == info.decoder and set(arms) <= set(info.methods):
        return arms
    from ..adaptation import registry  # jax comes with it

    fitting = []
    for arm in arms:
        spec = registry.METHODS.get(split_arm(arm)[0])
        if spec is None or decoder not in registry.DECODERS or spec.fits(registry.DECODERS[decoder]):
            fitting.append(arm)
        elif not default:
            fits = [name for name in info.decoders if name in registry.DECODERS and spec.fits(registry.DECODERS[name])]
            advice = f"; use --decoder {' or '.join(fits)}" if fits else f"; {info.name} has no decoder for it"
            raise InputError(f"'{arm}' does not work on the decoder {decoder}{advice}")
    return tuple(fitting)


def _registered_methods() -> Iterable[str]:
    from ..adaptation.registry import METHODS  # jax comes with it

    return METHODS


def _decoder(decoder: str | None, info: ScenarioInfo) -> str:
    name = info.decoder if decoder is None else decoder
    if name in info.decoders:
        return name
    if is_plugin(name):
        load_attribute(name)
        return name
    raise InputError(f"unknown decoder '{name}' for {info.name}{did_you_mean(name, info.decoders)}")


def _severities(severities: Sequence[float] | None, info: ScenarioInfo) -> tuple[float, ...]:
    chosen = tuple(dict.fromkeys(float(s) for s in (info.severities if severities is None else severities)))
    if not chosen:
        raise InputError("no severity given; for instance --severities 0,1,2")
    for severity in chosen:
        low, high = info.severity_limits or (-math.inf, math.inf)
        unlisted = info.severity_levels and severity not in info.severities
        if unlisted or not (math.isfinite(severity) and low <= severity <= high):
            unit = f" {info.severity_unit}" if info.severity_unit else ""
            usual = ",".join(f"{s:g}" for s in info.severities)
            wanted = "a finite number" if info.severity_limits is None else f"{low:g} to {high:g}{unit}"
            wanted = f"one of {usual}" if info.severity_levels else f"{low:g}" if low == high else wanted
            raise InputError(
                f"severity {severity:g} of {info.name} ({info.severity_name}): wanted {wanted}, "
                f"for instance --severities {usual}"
            )
    return chosen


def _count(name: str, value: int | None, default: int, least: int = 1) -> int:
    value = default if value is None else int(value)
    if value < least:
        raise InputError(f"--{name} is {value}: wanted {least} or more")
    return value


def _probability(name: str, value: float) -> float:
    if not 0.0 <= value < 1.0:
        raise InputError(f"--{name} is {value:g}: wanted a probability from 0 up to, not including, 1")
    return float(value)


def parse_numbers(text: str, option: str) -> tuple[float, ...]:
    """``"0,1.5,2"`` as numbers. InputError naming ``option`` otherwise."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(f"{option} is '{text}': wanted numbers with commas between, such as 0,1,2") from None


def parse_names(text: str) -> tuple[str, ...]:
    """``"a,b"`` as names, spaces around them dropped."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def with_bounds(methods: Sequence[str], info: ScenarioInfo) -> tuple[str, ...]:
    """``methods`` between the scenario's bounds: without frozen and oracle no gain can be read."""
    if not methods:
        return ()
    first, last = (tuple({name} & set(info.methods) - set(methods)) for name in ("frozen", "oracle"))
    return (*first, *methods, *last)


def command_line(config: RunConfig) -> str:
    """The command that makes this run again, every choice spelled out."""
    words: list[Any] = ["neurodrift", "run", config.scenario, "--methods", ",".join(config.methods)]
    words += [f"--severities={','.join(_shortest(s) for s in config.severities)}"]
    words += ["--decoder", config.decoder, "--subjects", config.subjects, "--seeds", config.seeds]
    words += ["--data", config.data] if config.data is not None else []
    words += ["--label-delay", config.label_delay] if config.label_delay else []
    words += ["--label-missing", config.label_missing] if config.label_missing else []
    words += ["--label-noise", config.label_noise] if config.label_noise else []
    words += ["--start", config.start] if config.start is not None else []
    words += ["--quick"] if config.quick else []
    return shlex.join(str(word) for word in words)


def _shortest(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def differences(mine: dict[str, Any], theirs: dict[str, Any]) -> str:
    """``"seeds 2 (here 1), ..."``: where two configurations' JSON differ, for an error message."""
    names = [k for k in {**mine, **theirs} if mine.get(k) != theirs.get(k)]
    return ", ".join(f"{k} {_short(theirs.get(k))} (here {_short(mine.get(k))})" for k in names)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_short(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def jobs_for(info: ScenarioInfo, asked: int | None) -> int:
    """The number of processes asked for, by default the scenario's, but no more than the machine has cores."""
    return max(1, min(info.jobs, os.cpu_count() or 1)) if asked is None else asked
