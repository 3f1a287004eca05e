"""Windows made by hand, so that what a task judges has an answer in closed form."""

import jax.numpy as jnp

from neurodrift.sim.clock import Clock
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.plant import Window
from neurodrift.sim.stimulation import Delivered

CONDITIONS = Conditions.nominal(1)


def window(loop, *, level=0.0, moments=None, conditions=CONDITIONS, tick=0, **truth):
    """A window of a loop in which ``level`` of the largest current was applied."""
    plant = loop.plant
    applied = jnp.full(plant.stimulator.n_stim, level) * plant.stimulator.max_current
    zero = jnp.zeros(())
    n_times = plant.source.n_times
    return Window(
        v=jnp.zeros((1, n_times)),
        stim=Delivered(applied, applied, zero, zero, jnp.zeros_like(applied), zero),
        blanked=jnp.zeros(n_times, bool),
        clock=Clock(jnp.int32(tick), plant.window_s),
        conditions=conditions,
        truth={name: jnp.asarray(value) for name, value in truth.items()},
        moments=jnp.zeros((1, n_times)) if moments is None else moments,
    )


def judged(loop, windows):
    """The judgements of windows in their order."""
    memory, answers = loop.task.init(), []
    for one in windows:
        memory, judgement = loop.task.judge(memory, loop.plant, None, one)
        answers.append(judgement)
    return answers
