# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first drift scenario, by hand
#
# What `neurodrift run mi_cap_shift` does, step by step, for a few simulated people: record calibration, train a
# decoder, move the cap by 3 cm in the middle of a session, and decode the same trials three times: with nothing that
# adapts (frozen), with Euclidean alignment (no labels), and with a decoder retrained after the shift (oracle).

# %%
import dataclasses

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from neurodrift.adaptation import Preprocessing, Trials, registry, with_alignment
from neurodrift.scenarios.decoding import Stream, decode_stream, reveal
from neurodrift.sim.builders import motor_imagery_plant
from neurodrift.sim.drift import CapShift
from neurodrift.sim.plant import record

N_PEOPLE, N_TRIALS, TRIAL_S = 6, 80, 8.0  # eight seconds a trial, the pauses included

# %% [markdown]
# ## People, and what is recorded of them
#
# A person is a function of a key. The drift is a process with an onset in seconds of simulated time; an onset that
# never comes leaves the cap where it is.

# %%
people = jax.random.split(jax.random.key(2022), N_PEOPLE)
plants = jax.vmap(motor_imagery_plant)(people)
preprocessing = Preprocessing.create(sfreq=250.0, n_times=750, l_freq=8.0, h_freq=30.0, sfreq_out=125.0)


@jax.jit
def session(onset_s, keys):
    """Trials of everybody, while the cap moves 3 cm sideways at ``onset_s``."""
    drift = (CapShift.lateral(0.03, onset_s, random_side=False),)

    def one(plant, key):
        epochs = record(dataclasses.replace(plant, drift=drift), key, N_TRIALS)
        return Trials(preprocessing.apply(epochs.x), epochs.label, jnp.ones(N_TRIALS))

    return jax.vmap(one)(plants, keys)


def keys(number):
    return jax.vmap(lambda person: jax.random.fold_in(person, number))(people)


calibration = session(np.inf, keys(1))
onset = N_TRIALS // 4
stream = session(onset * TRIAL_S, keys(2))
after_the_shift = session(0.0, keys(3))  # for the oracle alone
print(calibration.x.shape, "people, trials, channels, times")

# %% [markdown]
# ## A decoder, and three ways to use it

# %%
decoder = registry.decoder("csp_lda").make(calibration.x.shape[2], calibration.x.shape[3], 2, preprocessing.sfreq)


def decode(method, trained_on):
    """Class probabilities of every trial of the session: predicted first, learnt from afterwards."""
    adapter = registry.method(method).make()

    def one(trained_on, x, y, key):
        variables = with_alignment(decoder.init(key), trained_on)
        variables = decoder.fit(variables, trained_on, key)
        labels = reveal(key, y, n_classes=2)
        proba, _ = decode_stream(
            adapter, decoder, variables, trained_on, Stream(x, labels, jnp.zeros(N_TRIALS, bool)), key
        )
        return proba

    return jax.jit(jax.vmap(one))(trained_on, stream.x, stream.y, keys(4))


correct = {
    "frozen": decode("frozen", calibration).argmax(-1) == stream.y,
    "Euclidean alignment": decode("ea", calibration).argmax(-1) == stream.y,
    "oracle": decode("frozen", after_the_shift).argmax(-1) == stream.y,
}
accuracy = {name: (float(c[:, :onset].mean()), float(c[:, onset:].mean())) for name, c in correct.items()}
for name, (before, after) in accuracy.items():
    print(f"{name:20} before {before:.0%}   after {after:.0%}")

# %% [markdown]
# The oracle was trained for the shifted cap, so it is the upper bound after the onset and no bound before it. A
# handful of people and 80 trials are few: the scenario itself runs 16 people and gives every number an interval.

# %%
figure, axes = plt.subplots(figsize=(7, 3))
for name, c in correct.items():
    running = np.convolve(np.asarray(c, float).mean(0), np.ones(15) / 15, mode="valid")
    axes.plot(np.arange(14, N_TRIALS), 100 * running, label=name)
axes.axvline(onset, color="0.5", linestyle=":")
axes.axhline(50, color="0.8")
axes.set(xlabel="trial", ylabel="accuracy, % (last 15 trials)", ylim=(40, 100))
axes.legend(frameon=False, fontsize=8)
figure.tight_layout()

# %% [markdown]
# Chance is 50 %. With the cap in place, and for the oracle after it moved, the decoders must beat it by more than luck:
# a coin over all these trials stays below the bounds checked here with a probability of 99.9 %.

# %%
n_before, n_after = N_PEOPLE * onset, N_PEOPLE * (N_TRIALS - onset)
assert accuracy["frozen"][0] > 0.5 + 3.1 * np.sqrt(0.25 / n_before)
assert accuracy["oracle"][1] > 0.5 + 3.1 * np.sqrt(0.25 / n_after)
