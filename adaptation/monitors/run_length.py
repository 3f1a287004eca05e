"""How long a monitor runs until its first false alarm, and the setting that makes it as long as wanted."""

import dataclasses
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError
from .contract import alarms

M = TypeVar("M")


class RunLength(NamedTuple):
    """mean: values between false alarms, infinite without any; standard_error of it (none without an alarm);
    n_alarms: how many there were."""

    mean: float
    standard_error: float
    n_alarms: int


@jax.jit
def _alarms(monitor: Any, runs: Array) -> Array:
    return jax.vmap(lambda run: alarms(monitor, run))(runs)


def in_control_run_length(monitor: Any, in_control: Array) -> RunLength:
    """Mean run length without a change (ARL0) over ``in_control`` (n_runs, n_values, ...), values without drift.

    All values over all alarms: what maximum likelihood gives for runs that end at a constant rate, those that the end
    of the data cuts short included. The standard error is over runs of data, by the jackknife.
    """
    found = np.asarray(_alarms(monitor, in_control)).sum(1).astype(float)
    n_runs, n_values = in_control.shape[:2]
    total = found.sum()
    if total == 0:
        return RunLength(float("inf"), float("nan"), 0)
    left_out = total - found
    if n_runs < 2 or (left_out == 0).any():
        error = float("nan")
    else:
        means = (n_runs - 1) * n_values / left_out
        error = float(np.sqrt((n_runs - 1) / n_runs * ((means - means.mean()) ** 2).sum()))
    return RunLength(float(n_runs * n_values / total), error, int(total))


def tune_to_run_length(
    monitor: M, in_control: Array, arl0: float, lower: float = 1e-6, upper: float = 1e4, n_steps: int = 24
) -> M:
    """``monitor`` with its threshold set so that values without drift give an alarm every ``arl0`` values.

    in_control (n_runs, n_values, ...): recordings without drift, together at least ten times ``arl0`` long. The field
    that ``monitor.tuned_by`` names is found by bisection of its logarithm between ``lower`` and ``upper``; the
    setting on the side of fewer alarms is taken. The threshold inherits the sampling error of these data, some
    1/√(alarms) of the run length. Raises InputError for too little data, or where no setting is quiet enough.
    """
    if in_control.ndim < 2:
        raise InputError(f"in_control has shape {in_control.shape}; wanted (n_runs, n_values, ...)")
    n_values = in_control.shape[0] * in_control.shape[1]
    if not 1.0 < arl0 <= n_values / 10:
        raise InputError(
            f"arl0 is {arl0:g} for {n_values} values without drift; wanted more than 1 and at most a tenth of them"
        )
    field, rises = monitor.tuned_by, monitor.rises  # type: ignore[attr-defined]

    def at(log: float) -> M:
        return dataclasses.replace(monitor, **{field: jnp.asarray(np.exp(log), jnp.result_type(float))})  # type: ignore[type-var]

    def quiet(log: float) -> bool:
        return in_control_run_length(at(log), in_control).mean >= arl0

    loud_end, quiet_end = np.log(upper), np.log(lower)
    if not rises:
        loud_end, quiet_end = quiet_end, loud_end
    if not quiet(quiet_end):
        raise InputError(f"no {field} between {lower:g} and {upper:g} keeps alarms {arl0:g} values apart; widen these")
    if quiet(loud_end):
        return at(loud_end)
    for _ in range(n_steps):
        middle = 0.5 * (loud_end + quiet_end)
        if quiet(middle):
            quiet_end = middle
        else:
            loud_end = middle
    return at(quiet_end)
