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
# # The brains
#
# One figure per model, each drawn by running it here and now. `neurodrift gallery` writes the same figures as files.
# First, how any of them is run: by name, in one of its regimes, with as many nodes as wanted.

# %%
import jax
import numpy as np

from neurodrift.scenarios.gallery.figures import draw
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import SOURCES, make_source

for name, spec in SOURCES.items():
    print(f"{name:24} {', '.join(spec.presets)}")

# %%
run = simulate(make_source("wendling", "spike_wave", n_nodes=3, sfreq=500.0, n_times=250), 5.0, jax.random.key(0))
print(run.status, run.output.shape, f"sd {np.std(run.output):.1f} mV")

# %% [markdown]
# ## Jansen-Rit: alpha and spikes

# %%
draw("jansen_rit")

# %% [markdown]
# ## Wendling: the way into a seizure

# %%
draw("wendling")

# %% [markdown]
# ## Wilson-Cowan

# %%
draw("wilson_cowan")

# %% [markdown]
# ## Subthalamic nucleus and pallidum: beta under medication and stimulation

# %%
draw("stn_gpe")

# %% [markdown]
# ## Epileptor: a seizure from beginning to end

# %%
draw("epileptor")

# %% [markdown]
# ## Sleep: N2 and N3

# %%
draw("thalamocortical")

# %% [markdown]
# ## Corticothalamic loop: simulated and analytic spectra

# %%
draw("eirs")

# %% [markdown]
# ## Stuart-Landau: a rhythm and its controllers

# %%
draw("stuart_landau")

# %% [markdown]
# ## Kuramoto: synchrony as a phase transition

# %%
draw("kuramoto")

# %% [markdown]
# ## Bonhoeffer-van der Pol: synchrony suppressed

# %%
draw("bonhoeffer_van_der_pol")

# %% [markdown]
# ## Hindmarsh-Rose: bursts in step

# %%
draw("hindmarsh_rose")

# %% [markdown]
# ## Intracortical units: turnover

# %%
draw("intracortical")

# %% [markdown]
# ## Brunel's network

# %%
draw("brunel")

# %% [markdown]
# ## Basal ganglia: errors of the thalamus

# %%
draw("basal_ganglia")

# %% [markdown]
# ## A gamma column

# %%
draw("cortical_column")
