"""One network of So, Kent and Grill (2012) in NumPy, forward Euler, written from the paper's equations and the gating
functions of Rubin and Terman (2004) without looking at the package's strings."""

import numpy as np


def sigmoid(v, half, slope):
    return 1.0 / (1.0 + np.exp(-(v - half) / slope))


class Twin:
    """``start`` holds v of th, stn, gpe, gpi (10,) each; gates begin at their steady states, synapses closed."""

    def __init__(self, start, applied, dt_ms):
        self.v = {name: np.array(v, float) for name, v in start.items()}
        self.applied, self.dt = applied, dt_ms
        v = self.v
        self.th = {"h": sigmoid(v["th"], -41, -4), "r": sigmoid(v["th"], -84, -4)}
        self.stn = {
            "n": sigmoid(v["stn"], -32, 8), "h": sigmoid(v["stn"], -39, -3.1), "r": sigmoid(v["stn"], -67, -2),
            "c": sigmoid(v["stn"], -20, 8), "ca": np.full(10, 0.1),
        }  # fmt: skip
        self.gp = {
            name: {
                "n": sigmoid(v[name], -50, 14), "h": sigmoid(v[name], -58, -12), "r": sigmoid(v[name], -70, -2),
                "ca": np.full(10, 0.1),
            }
            for name in ("gpe", "gpi")
        }  # fmt: skip
        self.s = {name: np.zeros(10) for name in ("stn", "gpe", "gpi")}
        self.z = {name: np.zeros(10) for name in ("stn", "gpi")}

    def step(self, i_sm, i_dbs):
        old = {name: v.copy() for name, v in self.v.items()}
        s = {name: x.copy() for name, x in self.s.items()}
        self._thalamus(old["th"], s["gpi"], i_sm)
        self._stn(old["stn"], s["gpe"], i_dbs)
        for name in ("gpe", "gpi"):
            self._pallidum(name, old[name], s)
        self.s["gpe"] = s["gpe"] + self.dt * (2 * (1 - s["gpe"]) * sigmoid(old["gpe"] - 20, -57, 2) - 0.04 * s["gpe"])
        for name, peak in (("stn", 0.43), ("gpi", 0.3)):
            z = self.z[name].copy()
            self.s[name] = s[name] + self.dt * z
            self.z[name] = z + self.dt * (-2 / 5 * z - s[name] / 25)
            self.z[name] += np.where((old[name] <= -10) & (self.v[name] > -10), peak * np.e / 5, 0.0)

    def _thalamus(self, v, s_gi, i_sm):
        h, r = self.th["h"], self.th["r"]
        current = (
            0.05 * (v + 70) + 3 * sigmoid(v, -37, 7) ** 3 * h * (v - 50) + 5 * (0.75 * (1 - h)) ** 4 * (v + 75)
            + 5 * sigmoid(v, -60, 6.2) ** 2 * r * v + 0.112 * s_gi * (v + 85)
        )  # fmt: skip
        self.v["th"] = v + self.dt * (i_sm - current)
        tau_h = 1 / (0.128 * np.exp(-(v + 46) / 18) + 4 / (1 + np.exp(-(v + 23) / 5)))
        self.th["h"] = h + self.dt * (sigmoid(v, -41, -4) - h) / tau_h
        self.th["r"] = r + self.dt * (sigmoid(v, -84, -4) - r) / (0.15 * (28 + np.exp(-(v + 25) / 10.5)))

    def _stn(self, v, s_ge, i_dbs):
        g = self.stn
        n, h, r, c, ca = (g[name].copy() for name in ("n", "h", "r", "c", "ca"))
        b = sigmoid(r, 0.4, 0.1) - sigmoid(0.0, 0.4, 0.1)
        i_t = 0.5 * sigmoid(v, -63, 7.8) ** 3 * b**2 * (v - 140)
        i_ca = 2 * c**2 * (v - 140)
        current = (
            2.25 * (v + 60) + 37 * sigmoid(v, -30, 15) ** 3 * h * (v - 55) + 45 * n**4 * (v + 80) + i_t + i_ca
            + 20 * (v + 80) * ca / (ca + 15) + 0.5 * (s_ge + np.roll(s_ge, -1)) * (v + 85)
        )  # fmt: skip
        self.v["stn"] = v + self.dt * (self.applied["stn"] + i_dbs - current)
        g["n"] = n + self.dt * 0.75 * (sigmoid(v, -32, 8) - n) / (1 + 100 * sigmoid(v, -80, -26))
        g["h"] = h + self.dt * 0.75 * (sigmoid(v, -39, -3.1) - h) / (1 + 500 * sigmoid(v, -57, -3))
        g["r"] = r + self.dt * 0.2 * (sigmoid(v, -67, -2) - r) / (7.1 + 17.5 * sigmoid(v, 68, -2.2))
        g["c"] = c + self.dt * 0.08 * (sigmoid(v, -20, 8) - c) / (1 + 10 * sigmoid(v, -80, -26))
        g["ca"] = ca + self.dt * 3.75e-5 * (-i_ca - i_t - 22.5 * ca)

    def _pallidum(self, name, v, s):
        g = self.gp[name]
        n, h, r, ca = (g[key].copy() for key in ("n", "h", "r", "ca"))
        i_t = 0.5 * sigmoid(v, -57, 2) ** 3 * r * (v - 120)
        i_ca = 0.15 * sigmoid(v, -35, 2) ** 2 * (v - 120)
        current = (
            0.1 * (v + 65) + 120 * sigmoid(v, -37, 10) ** 3 * h * (v - 55) + 30 * n**4 * (v + 80) + i_t + i_ca
            + 10 * (v + 80) * ca / (ca + 10) + 0.15 * (s["stn"] + np.roll(s["stn"], 1)) * v
            + 0.5 * (np.roll(s["gpe"], -1) + np.roll(s["gpe"], 2)) * (v + 85)
        )  # fmt: skip
        self.v[name] = v + self.dt * (self.applied[name] - current)
        tau = 0.05 + 0.27 * sigmoid(v, -40, -12)
        g["n"] = n + self.dt * 0.1 * (sigmoid(v, -50, 14) - n) / tau
        g["h"] = h + self.dt * 0.05 * (sigmoid(v, -58, -12) - h) / tau
        g["r"] = r + self.dt * (sigmoid(v, -70, -2) - r) / 30
        g["ca"] = ca + self.dt * 1e-4 * (-i_ca - i_t - 15 * ca)
