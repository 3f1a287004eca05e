"""How fast a whole session runs: a neural-mass plant, a network decoding it, alignment and fine-tuning, in one scan."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

Row = dict[str, Any]
WINDOW_S = 1.0  # s, one prediction each
TRIAL = 4  # windows; a label, and with it a fine-tuning step, at the end of each
BATCH = 64
N_CALIBRATION = 20  # windows, simulated too


def bench(quick: bool) -> list[Row]:
    """Rows name, ours, peer, peer_name, ratio, unit: simulated seconds per second of wall clock.

    20 Jansen-Rit columns under 16 electrodes, EEGNet predicting every second, Euclidean alignment, one Adam step on
    16 trials every four seconds; single, and summed over 64 sessions with keys of their own. No peer: nobody else
    has plant, decoder and adaptation in one loop.
    """
    n_windows = 40 if quick else 240
    rows = []
    for batch, repetitions in ((1, 5), (BATCH, 2 if quick else 3)):
        run = _session(batch, n_windows)
        run()
        times = []
        for _ in range(repetitions):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        speed = batch * (N_CALIBRATION + n_windows) * WINDOW_S / float(np.median(times))
        name = "whole session" if batch == 1 else f"whole session, {batch} at once"
        row = {"name": name, "ours": speed, "peer": None, "peer_name": None, "ratio": None, "unit": "x real time"}
        rows.append(row)
    return rows


def _session(batch: int, n_windows: int) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    from ...adaptation.contract import Feedback, Trials
    from ...adaptation.decoders.eegnet import EEGNet
    from ...adaptation.methods.alignment import EuclideanAlignment, with_alignment
    from ...adaptation.methods.composed import Composed
    from ...adaptation.methods.finetuning import ContinualFineTuning
    from ...adaptation.methods.replay import Replay
    from ...adaptation.preprocessing import Preprocessing
    from ...sim.builders import jansen_rit_plant

    sfreq = 128.0
    plant = jansen_rit_plant(jax.random.key(0), sfreq=sfreq, window_s=WINDOW_S, n_nodes=20)
    n_times = plant.source.n_times
    preprocessing = Preprocessing.create(sfreq, n_times, 4.0, 38.0)
    decoder = EEGNet.create(plant.amplifier.n_channels, n_times, 2, sfreq)
    adapter = Composed(parts=(EuclideanAlignment(), ContinualFineTuning(n_steps=1, replay=Replay(batch_size=16))))

    def calibration(key: Any) -> Trials:
        def step(state: Any, _: None) -> Any:
            state, window = plant.step(state, jnp.zeros(1))
            return state, preprocessing.apply(window.v)

        _, x = jax.lax.scan(step, plant.init(key), None, length=N_CALIBRATION)
        return Trials(x, jnp.arange(N_CALIBRATION) % 2, jnp.ones(N_CALIBRATION))

    def one(key: Any) -> Any:
        trials = calibration(jax.random.fold_in(key, 0))
        variables = with_alignment(decoder.init(key), trials)

        def step(carry: Any, t: Any) -> Any:
            world, state = carry
            world, window = plant.step(world, jnp.zeros(1))
            x = preprocessing.apply(window.v)
            logits = adapter.predict(state, x)
            feedback = Feedback((t // TRIAL) % 2, t % TRIAL == TRIAL - 1, x, jnp.bool_(False))
            return (world, adapter.update(state, x, feedback)), logits

        start = (plant.init(key), adapter.init(decoder, variables, trials, key))
        return jax.lax.scan(step, start, jnp.arange(n_windows))[1]

    keys = jax.random.split(jax.random.key(1), batch)
    compiled = jax.jit(jax.vmap(one) if batch > 1 else lambda k: one(k[0])).lower(keys).compile()
    return lambda: jax.block_until_ready(compiled(keys))
