"""The same neural masses in other simulators, where they are installed: The Virtual Brain, neurolib, Brian2.

Each maker takes (model, n_nodes, dt s, seconds, weights, delays s) and gives (seconds it simulates, loop), or
(0, None) for what the peer does not have or is not installed. Peers that are much slower simulate less.
"""

import importlib.util
import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Loop = tuple[float, Callable[[], Any] | None]
NONE: Loop = (0.0, None)
VELOCITY = 3.0  # mm/ms


def tvb(model: str, n: int, dt: float, seconds: float, weights: Any, delays: Any) -> Loop:
    if model != "jansen_rit" or importlib.util.find_spec("tvb") is None:
        return NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.INFO)
        from tvb.simulator.lab import connectivity, coupling, integrators, models, monitors, noise, simulator  # type: ignore[import-not-found]

    share = min(seconds, 0.2 if n > 1 else 1.0)
    wired = np.zeros((n, n)) if weights is None else weights
    lengths = np.zeros((n, n)) if delays is None else delays * 1e3 * VELOCITY
    white = noise.Additive(nsig=np.array([0.0, 0.0, 0.0, 0.0, 1e-6, 0.0]))
    sim = simulator.Simulator(
        model=models.JansenRit(v0=np.array([6.0]), mu=np.array([0.22])),
        connectivity=connectivity.Connectivity(
            weights=wired, tract_lengths=lengths, speed=np.array([VELOCITY]),
            region_labels=np.array([f"n{i}" for i in range(n)]), centres=np.zeros((n, 3)),
        ),
        coupling=coupling.SigmoidalJansenRit(a=np.array([1.0])),
        integrator=integrators.HeunStochastic(dt=dt * 1e3, noise=white),
        monitors=(monitors.SubSample(period=10 * dt * 1e3),),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sim.configure()

    def loop() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return sim.run(simulation_length=share * 1e3)

    return share, loop


def neurolib(model: str, n: int, dt: float, seconds: float, weights: Any, delays: Any) -> Loop:
    if model != "wilson_cowan" or importlib.util.find_spec("neurolib") is None:
        return NONE
    if n > 1 and weights is None:
        return NONE  # its nodes are a network; without one it runs a single node
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from neurolib.models.wc import WCModel  # type: ignore[import-not-found]

    if n == 1:
        wc = WCModel()
    else:
        wc = WCModel(Cmat=weights, Dmat=np.zeros((n, n)) if delays is None else delays * 1e3 * VELOCITY)
        wc.params["signalV"] = VELOCITY if delays is not None else 0.0
    wc.params["duration"] = seconds * 1e3
    wc.params["dt"] = dt * 1e3
    wc.params["sigma_ou"] = 0.01

    def loop() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return wc.run()

    return seconds, loop


def brian2(model: str, n: int, dt: float, seconds: float, weights: Any, delays: Any) -> Loop:
    if model != "jansen_rit" or delays is not None:
        return NONE  # its continuous (summed) connections have no delays
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import brian2 as b2

        b2.prefs.codegen.target = "cython"
    share = min(seconds, 0.5)
    group = b2.NeuronGroup(
        n,
        """
        dy0/dt = y3 : 1
        dy1/dt = y4 : 1
        dy2/dt = y5 : 1
        dy3/dt = (325.0*5.0/(1 + exp(0.56*(6.0 - y1 + y2))) - 200.0*y3*second - 1e4*y0) / second**2 : Hz
        dy4/dt = (325.0*(220.0 + g + 108.0*5.0/(1 + exp(0.56*(6.0 - 135.0*y0)))) - 200.0*y4*second - 1e4*y1)
                 / second**2 + 325.0*2.0*xi*second**-1.5 : Hz
        dy5/dt = (1100.0*33.75*5.0/(1 + exp(0.56*(6.0 - 33.75*y0))) - 100.0*y5*second - 2500.0*y2) / second**2 : Hz
        rate = 5.0/(1 + exp(0.56*(6.0 - y1 + y2))) : 1
        g : 1
        """,
        method="heun",
        dt=dt * b2.second,
    )
    group.y0, group.y1, group.y2 = 0.1, 18.0, 15.0
    parts: list[Any] = [group]
    if weights is not None:
        wires = b2.Synapses(group, group, "w : 1\ng_post = w*rate_pre : 1 (summed)", dt=dt * b2.second)
        wires.connect()
        wires.w = weights.T.ravel()
        parts.append(wires)
    network = b2.Network(*parts)

    def loop() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network.run(share * b2.second, namespace={})

    return share, loop


def numba_ring(model: str, n: int, dt: float, seconds: float, weights: Any, delays: Any) -> Loop:
    """A compiled loop with a ring buffer, for the delayed network only."""
    if model != "jansen_rit" or delays is None or importlib.util.find_spec("numba") is None:
        return NONE
    import numba  # pyright: ignore[reportMissingImports]

    compiled = numba.njit(fastmath=True)(_ring)
    steps = np.round(delays / dt).astype(np.int32)
    share = min(seconds, 1.0)
    return share, lambda: compiled(round(share / dt), np.float32(dt), weights.astype(np.float32), steps)


def _ring(n_steps, dt, weights, steps):  # pragma: no cover - compiled
    f = np.float32
    n, room = weights.shape[0], steps.max() + 2
    y, g, d = np.zeros((6, n), np.float32), np.zeros((6, n), np.float32), np.zeros((6, n), np.float32)
    past = np.zeros((n, room), np.float32)
    y[0], y[1], y[2] = f(0.1), f(18.0), f(15.0)
    scale = f(650.0) * np.sqrt(dt)
    for i in range(n):
        past[i, :] = f(5.0) / (f(1.0) + np.exp(f(0.56) * (f(6.0) - y[1, i] + y[2, i])))
    kick = np.empty(n, np.float32)
    for t in range(n_steps):
        for stage in range(2):
            x = y if stage == 0 else g
            for i in range(n):
                if stage == 0:
                    kick[i] = scale * f(np.random.normal())  # noqa: NPY002 - numba knows no other
                total = f(0.0)
                for j in range(n):
                    total += weights[i, j] * past[j, (t + stage - steps[i, j] + room) % room]
                s = f(5.0) / (f(1.0) + np.exp(f(0.56) * (f(6.0) - x[1, i] + x[2, i])))
                s1 = f(5.0) / (f(1.0) + np.exp(f(0.56) * (f(6.0) - f(135.0) * x[0, i])))
                s2 = f(5.0) / (f(1.0) + np.exp(f(0.56) * (f(6.0) - f(33.75) * x[0, i])))
                k3 = f(325.0) * s - f(200.0) * x[3, i] - f(1e4) * x[0, i]
                k4 = f(325.0) * (f(220.0) + total + f(108.0) * s1) - f(200.0) * x[4, i] - f(1e4) * x[1, i]
                k5 = f(37125.0) * s2 - f(100.0) * x[5, i] - f(2500.0) * x[2, i]
                if stage == 0:
                    d[0, i], d[1, i], d[2, i], d[3, i], d[4, i], d[5, i] = x[3, i], x[4, i], x[5, i], k3, k4, k5
                    for m in range(6):
                        g[m, i] = y[m, i] + dt * d[m, i]
                    g[4, i] += kick[i]
                else:
                    h = f(0.5) * dt
                    a, b, c = x[3, i], x[4, i], x[5, i]
                    y[0, i] += h * (d[0, i] + a)
                    y[1, i] += h * (d[1, i] + b)
                    y[2, i] += h * (d[2, i] + c)
                    y[3, i] += h * (d[3, i] + k3)
                    y[4, i] += h * (d[4, i] + k4) + kick[i]
                    y[5, i] += h * (d[5, i] + k5)
        for i in range(n):
            past[i, (t + 1) % room] = f(5.0) / (f(1.0) + np.exp(f(0.56) * (f(6.0) - y[1, i] + y[2, i])))
    return y


PEERS: dict[str, Callable[..., Loop]] = {
    "The Virtual Brain": tvb,
    "neurolib": neurolib,
    "Brian2 (Cython)": brian2,
    "numba ring buffer": numba_ring,
}
