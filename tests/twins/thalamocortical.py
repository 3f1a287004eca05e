"""Thalamocortical column asleep: Schellenberger Costa et al. (2016), PLoS Comput. Biol. 12:e1005022.

Time in ms, rates in 1/ms, potentials in mV. The published program adds its stimulus once per step of 0.1 ms rather than
times the step, so its "70 Hz" is 0.7 / ms here; its noise of 2 per ms and step is a density of 2 sqrt(0.1) ms^-1/2.
"""

import numpy as np

CORTEX = ("Vp", "Vi", "Na", "s_ep", "s_ei", "s_gp", "s_gi", "y_c", "x_ep", "x_ei", "x_gp", "x_gi", "x_c")
THALAMUS = (
    "Vt", "Vr", "Ca", "h_t", "h_r", "m1", "m2",
    "s_et", "s_er", "s_gt", "s_gr", "y_t", "x_et", "x_er", "x_gt", "x_gr", "x_t",
)  # fmt: skip
VARIABLES = CORTEX + THALAMUS
TIME_UNIT = 1e-3
_COMMON = {"N_tp": 2.6, "N_rp": 2.6, "N_pt": 5.0, "N_it": 10.0, "g_h": 0.049}
PARAMETERS = {
    "N2": _COMMON | {"sigma_p": 4.7, "g_KNa": 1.33, "g_LK": 0.030},
    "N3": _COMMON | {"sigma_p": 6.0, "g_KNa": 2.0, "g_LK": 0.026},
}


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    start = dict.fromkeys(VARIABLES, 0.0) | {
        "Vp": -64.0,
        "Vi": -64.0,
        "Na": 9.5,
        "Vt": -70.0,
        "Vr": -70.0,
        "Ca": 2.4e-4,
    }
    return np.repeat(np.array([[start[name]] for name in VARIABLES]), n_nodes, axis=1)


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    """Independent noises of density phi (0.632 ms^-1/2) arrive at both cortical populations."""
    return np.array([0.07**2 if name in ("x_ep", "x_ei") else 0.0 for name in VARIABLES])


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) 1/ms: sensory input to the thalamic relay cells."""
    q, v = parameters, dict(zip(VARIABLES, y))
    Vp, Vi, Na, Vt, Vr, Ca = (v[name] for name in ("Vp", "Vi", "Na", "Vt", "Vr", "Ca"))

    def rate(V: np.ndarray, largest: float, sigma: float) -> np.ndarray:
        return largest / (1 + np.exp(-np.pi / np.sqrt(3) * (V + 58.5) / sigma))

    Qp, Qi = rate(Vp, 0.030, q["sigma_p"]), rate(Vi, 0.060, 6.0)
    Qt, Qr = rate(Vt, 0.400, 6.0), rate(Vr, 0.400, 6.0)
    d = {}

    def second_order(s: str, x: str, speed: float, inflow: np.ndarray) -> None:
        d[s] = v[x]
        d[x] = speed**2 * (inflow - v[s]) - 2 * speed * v[x]

    second_order("s_ep", "x_ep", 0.07, 115 * Qp + q["N_pt"] * v["y_t"])
    second_order("s_ei", "x_ei", 0.07, 72 * Qp + q["N_it"] * v["y_t"])
    second_order("s_gp", "x_gp", 0.0586, 90 * Qi)
    second_order("s_gi", "x_gi", 0.0586, 90 * Qi)
    second_order("y_c", "x_c", 0.12, Qp)
    second_order("s_et", "x_et", 0.07, q["N_tp"] * v["y_c"] + stim)
    second_order("s_er", "x_er", 0.07, 3 * Qt + q["N_rp"] * v["y_c"])
    second_order("s_gt", "x_gt", 0.1, 5 * Qr)
    second_order("s_gr", "x_gr", 0.1, 25 * Qr)
    second_order("y_t", "x_t", 0.12, Qt)

    w = 0.37 / (1 + (38.7 / Na) ** 3.5)
    d["Vp"] = -((Vp + 64) + v["s_ep"] * Vp + v["s_gp"] * (Vp + 70)) / 30 - q["g_KNa"] * w * (Vp + 100)
    d["Vi"] = -((Vi + 64) + v["s_ei"] * Vi + v["s_gi"] * (Vi + 70)) / 30
    d["Na"] = (2 * Qp - 0.09 * (Na**3 / (Na**3 + 3375) - 9.5**3 / (9.5**3 + 3375))) / 1.7

    I_Tt = 3.0 / (1 + np.exp(-(Vt + 59) / 6.2)) ** 2 * v["h_t"] * (Vt - 120)
    I_Tr = 2.3 / (1 + np.exp(-(Vr + 52) / 7.4)) ** 2 * v["h_r"] * (Vr - 120)
    I_h = q["g_h"] * (v["m1"] + 2 * v["m2"]) * (Vt + 40)
    d["Vt"] = -((Vt + 70) + v["s_et"] * Vt + v["s_gt"] * (Vt + 70)) / 20 - (q["g_LK"] * (Vt + 100) + I_Tt + I_h)
    d["Vr"] = -((Vr + 70) + v["s_er"] * Vr + v["s_gr"] * (Vr + 70)) / 20 - (q["g_LK"] * (Vr + 100) + I_Tr)
    d["Ca"] = -51.8e-6 * I_Tt - (Ca - 2.4e-4) / 10

    tau_t = (30.8 + (211.4 + np.exp((Vt + 115.2) / 5)) / (1 + np.exp((Vt + 86) / 3.2))) / 3.737
    tau_r = (85 + 1 / (np.exp((Vr + 48) / 4) + np.exp(-(Vr + 407) / 50))) / 3.737
    d["h_t"] = (1 / (1 + np.exp((Vt + 81) / 4)) - v["h_t"]) / tau_t
    d["h_r"] = (1 / (1 + np.exp((Vr + 80) / 5)) - v["h_r"]) / tau_r
    tau_m = 20 + 1000 / (np.exp((Vt + 71.5) / 14.2) + np.exp(-(Vt + 89) / 11.6))
    bound = 2.5e7 * Ca**4 / (2.5e7 * Ca**4 + 4e-4)
    d["m2"] = 0.1 * bound * v["m1"] - 0.001 * v["m2"]
    d["m1"] = ((1 - v["m2"]) / (1 + np.exp((Vt + 75) / 5.5)) - v["m1"]) / tau_m - d["m2"]
    return np.stack([d[name] for name in VARIABLES])
