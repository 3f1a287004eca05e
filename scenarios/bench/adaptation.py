"""Latency of adapting EEGNet and speed of replaying a session, beside the same methods in PyTorch.

The peer is braindecode's EEGNet with alignment, T-TIME and fine-tuning written around it as a researcher would: one
window after the other from Python, eigendecomposition and Adam by PyTorch.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .decoders import BLOCK, LEARNING_RATE, N_CHANNELS, N_CLASSES, N_TIMES, PEER_NAME, SFREQ, Call, _take_turns

Row = dict[str, Any]
N_CALIBRATION = 20
N_TTIME, N_TUNING = 8, 20  # windows a step
N_SEEDS, SESSION = 32, 300  # trials
QUICK_SEEDS, QUICK_SESSION = 4, 30
PEER_TRIALS = 10  # of the Python loop that are timed; the rest is as long
TRIAL_S = N_TIMES / SFREQ


def bench(quick: bool) -> list[Row]:
    """Rows name, ours, peer, peer_name, ratio (how many times faster), unit.

    Milliseconds a call, p50 and p99, in turns: Euclidean alignment and prediction of one window; an update of T-TIME
    (one Adam step of all parameters on the latest 8 windows, dropout on); a step of fine-tuning (Adam on 20 labelled
    windows, dropout off, statistics as stored). Then the replay of a session with T-TIME, 300 trials for 32 seeds of
    the network in one compiled call, in seconds of signal per second of wall clock summed over seeds; the peer's is
    that of a Python loop, ten trials of one seed timed and taken for the rest.
    """
    theirs = _peer()
    rows = []
    for name, call in _ours().items():
        times = _take_turns([call, *([theirs[name]] if name in theirs else [])], 3 if quick else 10)
        for quantile in (50, 99):
            values = [float(np.percentile(t, quantile)) for t in times]
            rows.append(_row(f"EEGNet {name}, p{quantile}", "ms", *values))
    n_seeds, n_trials = (QUICK_SEEDS, QUICK_SESSION) if quick else (N_SEEDS, SESSION)
    replay = _replay(n_seeds, n_trials)
    ours = n_seeds * n_trials * TRIAL_S / _seconds(replay, 1 if quick else 2)
    peer = [PEER_TRIALS * TRIAL_S / _seconds(theirs["trials"], 3)] if theirs else []
    name = f"T-TIME replay, {n_trials} trials x {n_seeds} seeds (peer: {PEER_TRIALS} trials, scaled)"
    return [*rows, _row(name, "x real time", ours, *peer)]


def _row(name: str, unit: str, ours: float, peer: float | None = None) -> Row:
    ratio = None if peer is None else (peer / ours if unit == "ms" else ours / peer)
    peer_name = None if peer is None else PEER_NAME
    return {"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "unit": unit}


def _seconds(call: Call, repetitions: int) -> float:
    """The median over repetitions after one that is not counted."""
    times = []
    for _ in range(repetitions + 1):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return float(np.median(times[1:]))


def _windows(n: int) -> np.ndarray:
    """(n, n_channels, n_times) windows whose channels are mixed, so that alignment has something to do."""
    rng = np.random.default_rng(n)
    mixing = np.eye(N_CHANNELS) + 0.3 * rng.standard_normal((N_CHANNELS, N_CHANNELS))
    return (mixing @ rng.standard_normal((n, N_CHANNELS, N_TIMES))).astype(np.float32)


def _parts() -> tuple[Any, Any, Any]:
    """Our decoder, its calibration and the catalogue's T-TIME."""
    import jax.numpy as jnp

    from ...adaptation import registry
    from ...adaptation.contract import Trials
    from ...adaptation.decoders.eegnet import EEGNet

    net = EEGNet.create(N_CHANNELS, N_TIMES, N_CLASSES, SFREQ)
    x = jnp.asarray(_windows(N_CALIBRATION))
    calibration = Trials(x, jnp.arange(N_CALIBRATION) % N_CLASSES, jnp.ones(N_CALIBRATION))
    return net, calibration, registry.method("ttime").make()


def _ours() -> dict[str, Call]:
    import jax
    import jax.numpy as jnp

    from ...adaptation.contract import Adapter, Feedback
    from ...adaptation.methods.alignment import EuclideanAlignment, with_alignment
    from ...adaptation.methods.composed import Composed
    from ...adaptation.methods.finetuning import ContinualFineTuning
    from ...adaptation.methods.layers import PlainRates
    from ...adaptation.methods.recent import Recent

    net, calibration, ttime = _parts()
    variables = with_alignment(net.init(jax.random.key(0)), calibration)
    x = jnp.asarray(_windows(1)[0])
    told = Feedback(jnp.int32(1), jnp.bool_(True), x, jnp.bool_(False))
    step = ContinualFineTuning(
        learning_rate=LEARNING_RATE,
        n_steps=1,
        warm_up=0,
        replay=Recent(window=N_TUNING, batch_size=0),
        reach=PlainRates(),
    )

    def started(adapter: Adapter[Any], n: int) -> tuple[Any, Any]:
        """The compiled update, and the state after n windows."""
        update = jax.jit(adapter.update)
        state = jax.jit(adapter.init)(net, variables, calibration, jax.random.key(1))
        for _ in range(n):
            state = update(state, x, told)
        return update, state

    def updating(adapter: Adapter[Any], n: int) -> Call:
        update, state = started(adapter, n)

        def call() -> None:
            nonlocal state
            state = jax.block_until_ready(update(state, x, told))

        return call

    aligned = Composed(parts=(EuclideanAlignment(),))
    _, state = started(aligned, 0)
    predict = jax.jit(aligned.predict)
    window = np.asarray(x)
    return {
        "alignment + predict": lambda: np.asarray(predict(state, window)),
        "T-TIME update": updating(ttime, N_TTIME),
        "fine-tuning step of 20 trials": updating(dataclasses.replace(aligned, parts=(step,)), N_TUNING),
    }


def _replay(n_seeds: int, n_trials: int) -> Call:
    """T-TIME over a whole session, of ``n_seeds`` networks at once."""
    import jax
    import jax.numpy as jnp

    from ...adaptation.methods.alignment import with_alignment
    from ..decoding import Stream, decode_stream, reveal

    net, calibration, ttime = _parts()
    y = jnp.arange(n_trials) % N_CLASSES
    labels = reveal(jax.random.key(0), y, N_CLASSES)
    stream = Stream(jnp.asarray(_windows(n_trials)), labels, jnp.zeros(n_trials, bool))

    def one(key: Any, stream: Stream) -> Any:
        variables = with_alignment(net.init(key), calibration)
        return decode_stream(ttime, net, variables, calibration, stream, key)[0]

    keys = jax.random.split(jax.random.key(1), n_seeds)
    compiled = jax.jit(jax.vmap(one, in_axes=(0, None))).lower(keys, stream).compile()
    return lambda: jax.block_until_ready(compiled(keys, stream))


def _peer() -> dict[str, Call]:
    """The same calls in PyTorch, and "trials": PEER_TRIALS of the loop; none where it or braindecode is missing."""
    from .braindecode import braindecode_models

    try:
        import torch  # pyright: ignore[reportMissingImports]

        models = braindecode_models()
    except ImportError:
        return {}

    network = models.EEGNet(n_chans=N_CHANNELS, n_outputs=N_CLASSES, n_times=N_TIMES, final_layer_with_constraint=True)
    adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    ring = torch.from_numpy(_windows(N_TUNING))
    labels = torch.arange(N_TUNING) % N_CLASSES
    window = ring[0]
    mean, n_seen = torch.eye(N_CHANNELS), 0

    def align() -> Any:
        """Move the mean by the window; its inverse root."""
        nonlocal mean, n_seen
        mean = (n_seen * mean + window @ window.T / N_TIMES) / (n_seen + 1)
        n_seen += 1
        values, vectors = torch.linalg.eigh(mean)
        return (vectors * values.clamp_min(1e-10).rsqrt()) @ vectors.T

    def predict() -> Any:
        with torch.inference_mode():
            return network.eval()(align()[None] @ window[None]).numpy()

    def ttime() -> None:
        with torch.no_grad():
            ring[n_seen % N_TTIME] = window
            batch = align() @ ring[:N_TTIME]
        p = torch.softmax(network.train()(batch) / 2.0, dim=1)
        share = p.mean(0)
        loss = -(p * torch.log(p + 1e-5)).sum(1).mean() + (share * torch.log(share + 1e-5)).sum()
        descend(loss)

    def tune() -> None:
        ring[n_seen % N_TUNING] = window
        descend(torch.nn.functional.cross_entropy(network.eval()(ring), labels))

    def descend(loss: Any) -> None:
        adam.zero_grad()
        loss.backward()
        adam.step()

    def trials() -> None:
        for _ in range(PEER_TRIALS):
            predict()
            ttime()

    # On a busy machine PyTorch's second thread slows it down many times over: the peer gets the better of the two.
    torch.set_num_threads(min((1, 2), key=lambda n: _with_threads(torch.set_num_threads, n, ttime)))
    return {
        "alignment + predict": predict,
        "T-TIME update": ttime,
        "fine-tuning step of 20 trials": tune,
        "trials": trials,
    }


def _with_threads(set_threads: Callable[[int], None], n: int, call: Call) -> float:
    set_threads(n)
    return _seconds(call, min(BLOCK, 5))
