"""Latency of EEGNet's prediction and Adam step, beside braindecode's where it is installed."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

N_CHANNELS, N_TIMES, N_CLASSES, SFREQ = 22, 500, 4, 128.0
BATCHES = (1, 8, 32)
PEER_NAME = "braindecode (PyTorch)"
LEARNING_RATE = 1e-3
BLOCK, BLOCK_SECONDS, PAUSE_SECONDS = 30, 1.0, 0.1

Call = Callable[[], Any]


def bench(quick: bool, batches: Sequence[int] = BATCHES) -> list[dict[str, Any]]:
    """Rows name, ours, peer, peer_name, ratio (how many times faster), unit: milliseconds a call, p50 and p99.

    Ours and the peer take turns, so that a busy machine slows both. The training step is the same work
    in both: dropout, batch statistics, gradient of all parameters, Adam; the fine-tuning step, which has no peer
    there, uses the stored statistics as online adaptation does.
    """
    rows = []
    for n in batches:
        x, y = _batch(n)
        ours = _ours(x, y)
        theirs = _peer(x, y)
        for name, call in ours.items():
            times = _take_turns([call, *([theirs[name]] if name in theirs else [])], 3 if quick else 10)
            for quantile in (50, 99):
                values = [float(np.percentile(t, quantile)) for t in times]
                peer = values[1] if len(values) == 2 else None
                rows.append(
                    {
                        "name": f"EEGNet {name}, batch {n}, p{quantile}",
                        "ours": values[0],
                        "peer": peer,
                        "peer_name": None if peer is None else PEER_NAME,
                        "ratio": None if peer is None else peer / values[0],
                        "unit": "ms",
                    }
                )
    return rows


def _batch(n: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(n).standard_normal((n, N_CHANNELS, N_TIMES)).astype(np.float32)
    return x, np.arange(n) % N_CLASSES


def _take_turns(calls: list[Call], rounds: int) -> list[list[float]]:
    """Milliseconds of each call, ``rounds`` blocks of up to BLOCK calls or BLOCK_SECONDS after two unmeasured ones.

    By blocks and after a pause, because the worker threads of the one spin on for a while beside the other.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, milliseconds in zip(calls, times):
            time.sleep(PAUSE_SECONDS)
            call()
            call()
            until = time.perf_counter() + BLOCK_SECONDS
            for _ in range(BLOCK):
                begin = time.perf_counter()
                call()
                end = time.perf_counter()
                milliseconds.append(1e3 * (end - begin))
                if end > until:
                    break
    return times


def _ours(x: np.ndarray, y: np.ndarray) -> dict[str, Call]:
    import jax
    import jax.numpy as jnp
    import optax

    from ...adaptation.contract import Trials
    from ...adaptation.decoders.eegnet import EEGNet
    from ...adaptation.decoders.training import apply_batch, cross_entropy, weighted_cross_entropy

    net = EEGNet.create(N_CHANNELS, N_TIMES, N_CLASSES, SFREQ)
    start = net.init(jax.random.key(0))
    # The flattened optimiser is what fit uses too.
    optimizer = optax.flatten(optax.adam(LEARNING_RATE))
    labels, weight = jnp.asarray(y, jnp.int32), jnp.ones(len(y))

    @jax.jit
    def predict(variables: Any, x: Any) -> Any:
        return jax.vmap(lambda x: net.apply(variables, x))(x)

    def training_loss(params: Any, variables: Any, x: Any, key: Any) -> Any:
        keys = jax.random.split(key, len(y))
        logits, stats = apply_batch(net, variables._replace(params=params), x, weight, keys)
        return weighted_cross_entropy(logits, labels, weight), stats

    def tuning_loss(params: Any, variables: Any, x: Any, key: Any) -> Any:
        trials = Trials(x, labels, weight)
        return cross_entropy(net, variables._replace(params=params), trials, key), variables.stats

    def stepper(loss: Any) -> Call:
        @jax.jit
        def step(variables: Any, state: Any, x: Any, key: Any) -> Any:
            key, use = jax.random.split(key)
            gradient, stats = jax.grad(loss, has_aux=True)(variables.params, variables, x, use)
            updates, state = optimizer.update(gradient, state)
            params = optax.apply_updates(variables.params, updates)
            return variables._replace(params=params, stats=stats), state, key

        carry = (start, optimizer.init(start.params), jax.random.key(1))

        def call() -> None:
            nonlocal carry
            carry = jax.block_until_ready(step(*carry[:2], x, carry[2]))

        return call

    return {
        "predict": lambda: np.asarray(predict(start, x)),
        "training step": stepper(training_loss),
        "fine-tuning step": stepper(tuning_loss),
    }


def _peer(x: np.ndarray, y: np.ndarray) -> dict[str, Call]:
    """The same calls in braindecode; none where it or torch is missing."""
    from .braindecode import braindecode_models

    try:
        import torch  # pyright: ignore[reportMissingImports]

        models = braindecode_models()
    except ImportError:
        return {}

    def network() -> Any:
        return models.EEGNet(n_chans=N_CHANNELS, n_outputs=N_CLASSES, n_times=N_TIMES, final_layer_with_constraint=True)

    evaluated, trained = network().eval(), network().train()
    optimizer = torch.optim.Adam(trained.parameters(), lr=LEARNING_RATE)
    windows, labels = torch.from_numpy(x), torch.from_numpy(y)

    def predict() -> Any:
        with torch.inference_mode():
            return evaluated(windows).numpy()

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(trained(windows), labels).backward()
        optimizer.step()

    def seconds(n_threads: int) -> float:
        torch.set_num_threads(n_threads)
        step()
        begin = time.perf_counter()
        for _ in range(3):
            step()
        return time.perf_counter() - begin

    # On a busy machine PyTorch's second thread slows it down many times over: the peer gets the better of the two.
    torch.set_num_threads(min((1, 2), key=seconds))
    return {"predict": predict, "training step": step}
