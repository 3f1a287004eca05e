"""Bonhoeffer-van der Pol: synchrony of relaxation oscillators, and feedback that takes it away."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..validate.measure import spectrum
from ..validate.oscillators import H, controlled, mean_field, networks
from .style import BLUE, GREY, ORANGE, RED, canvas, label


def figure() -> Any:
    """Four panels."""
    fig, ((course, onset), (power, gains)) = canvas("Bonhoeffer-van der Pol ensemble: synchrony and its suppression")
    model, y = networks(5, 500)
    eps = jnp.asarray([0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05], jnp.float32)
    settled = jax.jit(jax.vmap(jax.vmap(lambda m, y, e: mean_field(m, y, e, H, 20000), (0, 0, None)), (None, None, 0)))
    x, last = settled(model, y, eps)
    x = np.asarray(x)[..., 10000:]
    sd = x.std(axis=-1)
    onset.plot(eps, sd, "o", color=BLUE, ms=3.5, alpha=0.6)
    onset.plot(eps, sd.mean(axis=1), color=BLUE, lw=1.2, label="mean of 5 networks of 500")
    known = ((0, 0.048), (0.01, 0.073), (0.02, 0.579), (0.03, 1.125), (0.05, 1.290))
    onset.plot(*np.array(known).T, "x", color=RED, ms=6, mew=1.6, label="one network of 1000, computed apart")
    onset.set_ylim(-0.05, 1.75)
    onset.legend(frameon=False, fontsize=8, loc="upper left")
    onset.annotate(
        "at the onset, networks\ndiffer from draw to draw", (0.0205, 0.5), (0.0265, 0.32), fontsize=8, color=GREY,
        arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.7},
    )  # fmt: skip
    label(onset, "onset of synchrony", "coupling ε", "sd of the mean field X")
    at = int(np.argmin(np.abs(np.asarray(eps) - 0.03)))
    start = jax.tree.map(lambda v: v[at], last)
    first = jax.tree.map(lambda v: v[0], (model, start))
    one = jax.jit(lambda m, y, K: controlled(m, y, jnp.float32(0.03), K, jnp.float32(50.0), 6000))
    before = x[at, 0][-1500:]
    after, u = (np.asarray(v) for v in one(*first, jnp.float32(0.2)))
    t = (np.arange(4500) - 1500) * H
    course.plot(t, np.r_[before, after[:3000]], color=BLUE, lw=0.9, label="X")
    course.plot(t, np.r_[np.zeros(1500), u[:3000]], color=ORANGE, lw=0.8, label="u per kick")
    course.axvline(0, color=GREY, lw=0.8, ls=":")
    course.set_ylim(-2.2, 2.6)
    course.legend(frameon=False, fontsize=9, ncols=2, loc="upper right")
    label(course, "feedback u = -.2 (X - low-passed X) from t = 0", "time (units of 1.5 ms)", "mean field")
    for k, color, name in ((0, GREY, "ε = 0"), (at, BLUE, "ε = .03")):
        f, density = spectrum(x[k], 1 / (H * 1.5e-3), 1.0)
        power.semilogy(f, density, color=color, lw=1.1, label=name)
    power.set_xlim(0, 150)
    power.set_ylim(1e-9, 1)
    power.legend(frameon=False, fontsize=9)
    label(power, "spectra at 1.5 ms per unit: beta and its harmonics", "frequency (Hz)", "power (1/Hz)")
    K = jnp.asarray([0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8], jnp.float32)
    for kicks, color, name in ((True, BLUE, "as kicks, once per .2 units"), (False, ORANGE, "as a current")):
        every = jax.jit(
            jax.vmap(
                jax.vmap(
                    lambda m, y, k, kicks=kicks: controlled(
                        m, y, jnp.float32(0.03), k, jnp.float32(50.0), 16000, kicks
                    ), (0, 0, None),
                ), (None, None, 0),
            )
        )  # fmt: skip
        held = np.asarray(every(model, y, K)[0])[..., 9000:]
        ratio = sd[at] / held.std(axis=-1)
        gains.loglog(K, np.median(ratio, axis=1), color=color, lw=1.3, label=f"{name}: median")
        gains.loglog(K, ratio, "o", color=color, ms=3.5, alpha=0.5)
    known = ((0.05, 4.1), (0.1, 5.0), (0.2, 8.0), (0.4, 11.6), (0.8, 20.0))
    gains.loglog(*np.array(known).T, "x", color=RED, ms=6, mew=1.6, label="kicks, computed apart")
    gains.axhline(1, color=GREY, lw=0.7)
    gains.set_xticks([0.02, 0.05, 0.1, 0.2, 0.4, 0.8], ["0.02", "0.05", "0.1", "0.2", "0.4", "0.8"])
    gains.minorticks_off()
    gains.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    gains.set_ylim(0.6, 120)
    gains.annotate(
        "where networks differ,\ntwo states coexist:\nthe start decides", (0.052, 4.1), (0.018, 1.5),
        fontsize=8, color=GREY, arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.7},
    )  # fmt: skip
    gains.legend(framealpha=1.0, edgecolor="none", fontsize=8, loc="lower right")
    label(gains, "suppression at ε = .03", "gain K", "sd without / with feedback")
    return fig
