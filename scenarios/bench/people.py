"""How fast virtual people are drawn and recorded: what thousands of them for pretraining cost."""

import time
from typing import Any

import numpy as np

Row = dict[str, Any]
CHUNK, N_TRIALS = 16, 10


def bench(quick: bool) -> list[Row]:
    """Rows name, ours, peer, peer_name, ratio, unit: person-trials per second, compilation left out.

    A trial is 8 s of a motor-imagery plant under 31 electrodes, its 3 s of imagery recorded and filtered for EEGNet;
    16 people at a time, as ``neurodrift pretrain`` draws them. No peer draws people, heads and drift with it.
    """
    import jax

    from ..people import VirtualPeople

    n_people = CHUNK if quick else 8 * CHUNK
    people = VirtualPeople.create("eegnet", n_people, N_TRIALS, chunk=CHUNK)
    draw = jax.jit(lambda people, key: people(key))
    times = []
    for repetition in range(2 if quick else 4):
        start = time.perf_counter()
        jax.block_until_ready(draw(people, jax.random.key(repetition)))
        times.append(time.perf_counter() - start)
    rate = n_people * N_TRIALS / float(np.median(times[1:]))  # the first compiles
    name = f"virtual people, {n_people} of {N_TRIALS} trials"
    return [{"name": name, "ours": rate, "peer": None, "peer_name": None, "ratio": None, "unit": "person-trials/s"}]
