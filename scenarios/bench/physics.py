"""How fast the physics is: the 20-column environment in a scan, and Jansen-Rit columns alone, beside compiled peers."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]
SETTINGS = {"A": 3.25, "B": 22.0, "a": 100.0, "b": 50.0, "e0": 2.5, "v0": 6.0, "r": 0.56, "C": 135.0, "p": 220.0}


def bench(quick: bool) -> list[Row]:
    """Rows name, ours, peer, peer_name, ratio, unit.

    The environment: 20 columns, dt 1 ms, 16 channels, control steps of 100 ms, no background, in a scan. The columns:
    Heun with noise at dt 0.5 ms; their peer is the same loop in float32 numba, or in NumPy where numba is not
    installed, and takes turns with ours. XLA's option for small loops is the caller's to set before JAX starts.
    """
    rows = []
    for batch, n_windows in ((1, 200), (64, 20)) if quick else ((1, 1000), (64, 50), (1024, 10)):
        work = batch * n_windows
        (rate,) = rates([(_environment(batch, n_windows), work)], 3 if quick else 7)
        name = "environment in a scan" if batch == 1 else f"environment in a scan, batch of {batch}"
        rows.append(row(name, rate, None, None, "control steps/s"))
    peer_loop, peer_name = _peer()
    for name, n_nodes, coupled in (
        ("Jansen-Rit, 1 column", 1, False),
        ("Jansen-Rit, 80 coupled columns", 80, True),
        ("Jansen-Rit, 1024 columns", 1024, False),
    ):
        n_steps = 2000 if quick else 10_000
        work = n_nodes * n_steps
        ours, peer = rates(
            [
                (_columns(n_nodes, coupled, n_steps), work),
                (lambda n=n_nodes, c=coupled, s=n_steps: peer_loop(n, c, s), work),
            ],
            3 if quick else 7,
        )
        rows.append(row(name, ours, peer, peer_name, "node steps/s"))
    return rows


def rates(candidates: Sequence[tuple[Callable[[], Any], float]], repetitions: int) -> list[float]:
    """Median of work per second of each (function, work), the candidates taking turns."""
    for function, _ in candidates:
        function()
    rates: list[list[float]] = [[] for _ in candidates]
    for _ in range(repetitions):
        for (function, work), rate in zip(candidates, rates):
            start = time.perf_counter()
            function()
            rate.append(work / (time.perf_counter() - start))
    return [float(np.median(rate)) for rate in rates]


def _environment(batch: int, n_windows: int) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    from ...sim.amplifier import Amplifier
    from ...sim.conditions import Conditions
    from ...sim.head import DipoleProjection, SphereHead, make_montage
    from ...sim.plant import Plant
    from ...sim.sources import JansenRit, NeuralMass
    from ...sim.stimulation import Stimulator

    sfreq, n_times = 250.0, 25
    montage = make_montage("10-10-16")
    plant = Plant(
        source=NeuralMass.create(JansenRit.create(), n_nodes=20, sfreq=sfreq, n_times=n_times, dt=1e-3),
        projection=DipoleProjection(head=SphereHead.preset(), montage=montage),
        amplifier=Amplifier.create(16, sfreq, n_times),
        stimulator=Stimulator.create(1, sfreq, n_times),
        conditions=Conditions.nominal(16, montage.reference_weights("average")),
        background=None, artefacts=None, drift=(), window_s=jnp.float32(n_times / sfreq),
    )  # fmt: skip

    def rollout(state: Any) -> tuple[Any, Any]:
        def step(state: Any, _: None) -> tuple[Any, Any]:
            state, window = plant.step(state, jnp.zeros(1))
            return state, jnp.mean(window.v)

        return jax.lax.scan(step, state, None, length=n_windows)

    key = jax.random.PRNGKey(0)
    if batch == 1:
        state, loop = jax.jit(plant.init)(key), jax.jit(rollout)
    else:
        state = jax.jit(jax.vmap(plant.init))(jax.random.split(key, batch))
        loop = jax.jit(jax.vmap(rollout))
    return lambda: jax.block_until_ready(loop(state))


def _columns(n_nodes: int, coupled: bool, n_steps: int) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    from ...sim.conditions import Conditions
    from ...sim.sources import Connectome, JansenRit, NeuralMass

    source = NeuralMass.create(
        JansenRit.create(), n_nodes=n_nodes, sfreq=2000.0, n_times=200, dt=0.5e-3, burn_in_s=0.1,
        wiring=Connectome.create(np.full((n_nodes, n_nodes), 10.0 / n_nodes)) if coupled else None,
    )  # fmt: skip
    conditions = Conditions.nominal(1)
    state = source.init(jax.random.PRNGKey(0), conditions)
    silence = jnp.zeros((1, 200))

    @jax.jit
    def loop(state: Any) -> tuple[Any, Any]:
        def window(state: Any, tick: Any) -> tuple[Any, Any]:
            key = jax.random.fold_in(jax.random.PRNGKey(1), tick)
            state, moments, _ = source.step(state, silence, conditions, key)
            return state, moments

        return jax.lax.scan(window, state, jnp.arange(n_steps // 200))

    return lambda: jax.block_until_ready(loop(state))


def _peer() -> tuple[Callable[[int, bool, int], Any], str]:
    """The same network in another language, with NumPy's normals drawn beforehand; (function, its name)."""
    try:
        import numba  # pyright: ignore[reportMissingImports]
    except ImportError:
        return _numpy_columns, "NumPy float32"
    compiled = numba.njit(fastmath=True)(_numba_columns)

    def loop(n_nodes: int, coupled: bool, n_steps: int) -> Any:
        weights = np.full((n_nodes, n_nodes), 10.0 / n_nodes, np.float32)
        return compiled(n_nodes, coupled, n_steps, weights)

    return loop, "numba float32"


def _numpy_columns(n_nodes: int, coupled: bool, n_steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    dt, sigma = np.float32(0.5e-3), np.float32(2.0)
    m = {name: np.float32(value) for name, value in SETTINGS.items()}
    weights = np.full((n_nodes, n_nodes), 10.0 / n_nodes, np.float32)
    y = np.repeat(np.array([0.1, 18, 15, 0, 0, 0], np.float32)[:, None], n_nodes, axis=1)

    def rate(v: np.ndarray) -> np.ndarray:
        return 2 * m["e0"] / (1 + np.exp(m["r"] * (m["v0"] - v)))

    def slope(y: np.ndarray) -> np.ndarray:
        pyramidal = rate(y[1] - y[2])
        p = m["p"] + weights @ pyramidal if coupled else m["p"]
        d = np.empty_like(y)
        d[:3] = y[3:]
        d[3] = m["A"] * m["a"] * pyramidal - 2 * m["a"] * y[3] - m["a"] ** 2 * y[0]
        d[4] = m["A"] * m["a"] * (p + 0.8 * m["C"] * rate(m["C"] * y[0])) - 2 * m["a"] * y[4] - m["a"] ** 2 * y[1]
        d[5] = m["B"] * m["b"] * 0.25 * m["C"] * rate(0.25 * m["C"] * y[0]) - 2 * m["b"] * y[5] - m["b"] ** 2 * y[2]
        return d

    v = np.empty((n_steps, n_nodes), np.float32)
    for n in range(n_steps):
        kick = m["A"] * m["a"] * sigma * np.sqrt(dt) * rng.standard_normal(n_nodes, np.float32)
        d = slope(y)
        guess = y + dt * d
        guess[4] += kick
        y = y + dt / 2 * (d + slope(guess))
        y[4] += kick
        v[n] = y[1] - y[2]
    return v


def _numba_columns(n_nodes, coupled, n_steps, weights):  # pragma: no cover - compiled
    f = np.float32
    A, B, a, b = f(3.25), f(22.0), f(100.0), f(50.0)
    e2, v0, r, c, dt = f(5.0), f(6.0), f(0.56), f(135.0), f(0.5e-3)
    scale = A * a * f(2.0) * f(np.sqrt(0.5e-3))
    y = np.zeros((6, n_nodes), np.float32)
    y[0], y[1], y[2] = f(0.1), f(18.0), f(15.0)
    g, d, p = np.empty_like(y), np.empty_like(y), np.full(n_nodes, f(220.0))
    kick, s = np.empty(n_nodes, np.float32), np.empty(n_nodes, np.float32)
    v = np.empty((n_steps, n_nodes), np.float32)
    for n in range(n_steps):
        for stage in range(2):
            if stage == 0:
                for i in range(n_nodes):
                    kick[i] = scale * f(np.random.normal())  # noqa: NPY002 - numba knows no other
            x = y if stage == 0 else g
            for i in range(n_nodes):
                s[i] = e2 / (f(1.0) + np.exp(r * (v0 - x[1, i] + x[2, i])))
            if coupled:
                p[:] = f(220.0) + weights @ s
            for i in range(n_nodes):
                s1 = e2 / (f(1.0) + np.exp(r * (v0 - c * x[0, i])))
                s2 = e2 / (f(1.0) + np.exp(r * (v0 - f(0.25) * c * x[0, i])))
                k3 = A * a * s[i] - f(2.0) * a * x[3, i] - a * a * x[0, i]
                k4 = A * a * (p[i] + f(0.8) * c * s1) - f(2.0) * a * x[4, i] - a * a * x[1, i]
                k5 = B * b * f(0.25) * c * s2 - f(2.0) * b * x[5, i] - b * b * x[2, i]
                if stage == 0:
                    d[0, i], d[1, i], d[2, i] = y[3, i], y[4, i], y[5, i]
                    d[3, i], d[4, i], d[5, i] = k3, k4, k5
                    for j in range(6):
                        g[j, i] = y[j, i] + dt * d[j, i]
                    g[4, i] += kick[i]
                else:
                    h = f(0.5) * dt
                    y[0, i] += h * (d[0, i] + g[3, i])
                    y[1, i] += h * (d[1, i] + g[4, i])
                    y[2, i] += h * (d[2, i] + g[5, i])
                    y[3, i] += h * (d[3, i] + k3)
                    y[4, i] += h * (d[4, i] + k4) + kick[i]
                    y[5, i] += h * (d[5, i] + k5)
                    v[n, i] = y[1, i] - y[2, i]
    return v


def row(name: str, ours: float, peer: float | None, peer_name: str | None, unit: str) -> Row:
    ratio = None if peer is None else ours / peer
    return {"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "unit": unit}
