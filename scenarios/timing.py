"""How long one prediction and one update take, at batch 1, apart from everything else."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..adaptation import registry
from ..adaptation.contract import Decoder, Feedback, Trials, Variables
from .budgets import base
from .lookup import is_plugin, make_adapter

N_CALLS = 150


def time_methods(
    methods: Sequence[str], decoder: Decoder, variables: Variables, calibration: Trials
) -> dict[str, dict[str, float]]:
    """Median and 99th percentile, ms, of compiled predict and update calls on calibration windows, labels given.

    The oracle and a scenario's own methods are not timed: the first learns nothing online. A method is timed once,
    whatever its label budgets.
    """
    names = [name for name in dict.fromkeys(map(base, methods)) if name != "oracle"]
    times = {
        name: _time(make_adapter(name), decoder, variables, calibration)
        for name in names
        if name in registry.METHODS or is_plugin(name)
    }
    return {arm: times[base(arm)] for arm in methods if base(arm) in times}


def _time(adapter: Any, decoder: Decoder, variables: Variables, calibration: Trials) -> dict[str, float]:
    state = adapter.init(decoder, variables, calibration, jax.random.key(0))
    x = calibration.x[0]
    feedback = Feedback(jnp.int32(0), jnp.bool_(True), x, jnp.bool_(False))
    predict = jax.jit(adapter.predict).lower(state, x).compile()
    update = jax.jit(adapter.update).lower(state, x, feedback).compile()
    windows = [calibration.x[i % len(calibration.x)] for i in range(20)]
    jax.block_until_ready(windows)
    found: dict[str, list[float]] = {"predict": [], "update": []}
    for i in range(N_CALLS):
        x = windows[i % 20]
        feedback = feedback._replace(label=jnp.int32(i % 2), window=x)
        jax.block_until_ready(feedback)
        start = time.perf_counter()
        jax.block_until_ready(predict(state, x))
        middle = time.perf_counter()
        state = jax.block_until_ready(update(state, x, feedback))
        found["predict"].append(middle - start)
        found["update"].append(time.perf_counter() - middle)
    return {
        f"{what}_ms_p{q}": round(1e3 * float(np.percentile(times[5:], q)), 4)
        for what, times in found.items()
        for q in (50, 99)
    }
