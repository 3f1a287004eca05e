"""Equations and currents of the model of So, Kent and Grill (2012): see :mod:`.basal_ganglia`.

Gating functions are Rubin and Terman's (2004), as the authors' deposited model (ModelDB 141699) has them. What depends
on the voltage is held over a step, so that each variable's equation is linear in it and exponential Euler applies.
"""

N_CELLS = 10
HEALTHY = {"stn": 33.0, "gpe": 21.0, "gpi": 22.0}
"""uA/cm2, applied currents."""
PARKINSON = {"stn": 23.0, "gpe": 8.0, "gpi": 16.0}
PULSE_WIDTH = 0.3e-3
"""s"""
THALAMUS = """
dv/dt = (source + i_sm - g * v) / ms : 1
g = 0.05 + g_na + g_k + g_t + g_gi : 1 (constant over dt)
source = 0.05 * -70 + g_na * 50 + g_k * -75 + g_gi * -85 : 1 (constant over dt)
g_na = 3 * m**3 * h : 1
g_k = 5 * (0.75 * (1 - h))**4 : 1
g_t = 5 * p**2 * r : 1
g_gi = 1.4 * 0.08 * s_gi : 1
m = 1 / (1 + exp(-(v + 37) / 7)) : 1
p = 1 / (1 + exp(-(v + 60) / 6.2)) : 1
dh/dt = h_rate * (h_inf - h) / ms : 1
h_inf = 1 / (1 + exp((v + 41) / 4)) : 1 (constant over dt)
h_rate = 0.128 * exp(-(v + 46) / 18) + 4 / (1 + exp(-(v + 23) / 5)) : 1 (constant over dt)
dr/dt = r_rate * (r_inf - r) / ms : 1
r_inf = 1 / (1 + exp((v + 84) / 4)) : 1 (constant over dt)
r_rate = 1 / (0.15 * (28 + exp(-(v + 25) / 10.5))) : 1 (constant over dt)
i_sm : 1 (linked)
s_gi : 1 (linked)
"""
STN = """
dv/dt = (source + applied + i_dbs - g * v) / ms : 1
g = 2.25 + g_na + g_k + g_t + g_ca + g_ahp + g_ge : 1 (constant over dt)
source = 2.25 * -60 + g_na * 55 + (g_k + g_ahp) * -80 + (g_t + g_ca) * 140 + g_ge * -85 : 1 (constant over dt)
g_na = 37 * m**3 * h : 1
g_k = 45 * n**4 : 1
g_t = 0.5 * a**3 * b**2 : 1
g_ca = 2 * c**2 : 1
g_ahp = 20 * ca / (ca + 15) : 1
g_ge = 0.5 * (s_ge0 + s_ge1) : 1
m = 1 / (1 + exp(-(v + 30) / 15)) : 1
a = 1 / (1 + exp(-(v + 63) / 7.8)) : 1
b = 1 / (1 + exp(-(r - 0.4) / 0.1)) - 1 / (1 + exp(4)) : 1
dn/dt = n_rate * (n_inf - n) / ms : 1
n_inf = 1 / (1 + exp(-(v + 32) / 8)) : 1 (constant over dt)
n_rate = 0.75 / (1 + 100 * deep) : 1 (constant over dt)
dh/dt = h_rate * (h_inf - h) / ms : 1
h_inf = 1 / (1 + exp((v + 39) / 3.1)) : 1 (constant over dt)
h_rate = 0.75 / (1 + 500 / (1 + exp((v + 57) / 3))) : 1 (constant over dt)
dr/dt = r_rate * (r_inf - r) / ms : 1
r_inf = 1 / (1 + exp((v + 67) / 2)) : 1 (constant over dt)
r_rate = 0.2 / (7.1 + 17.5 / (1 + exp((v - 68) / 2.2))) : 1 (constant over dt)
dc/dt = c_rate * (c_inf - c) / ms : 1
c_inf = 1 / (1 + exp(-(v + 20) / 8)) : 1 (constant over dt)
c_rate = 0.08 / (1 + 10 * deep) : 1 (constant over dt)
deep = 1 / (1 + exp((v + 80) / 26)) : 1
dca/dt = 3.75e-5 * (i_ca - 22.5 * ca) / ms : 1
i_ca = (g_t + g_ca) * (140 - v) : 1 (constant over dt)
ds/dt = z / ms : 1
dz/dt = (-0.4 * z - 0.04 * s) / ms : 1
dlfp/dt = (i_ge - lfp) / tau_lfp : 1
i_ge = g_ge * abs(v + 85) : 1 (constant over dt)
applied : 1
i_dbs : 1 (linked)
s_ge0 : 1 (linked)
s_ge1 : 1 (linked)
"""
PALLIDUM = """
dv/dt = (source + applied - g * v) / ms : 1
g = 0.1 + g_na + g_k + g_t + g_ca + g_ahp + g_sn + g_ge : 1 (constant over dt)
source = 0.1 * -65 + g_na * 55 + (g_k + g_ahp) * -80 + (g_t + g_ca) * 120 + g_ge * -85 : 1 (constant over dt)
g_na = 120 * m**3 * h : 1
g_k = 30 * n**4 : 1
g_t = 0.5 * a**3 * r : 1
g_ca = 0.15 * q**2 : 1
g_ahp = 10 * ca / (ca + 10) : 1
g_sn = 0.5 * 0.3 * (s_sn0 + s_sn1) : 1
g_ge = 0.5 * (s_ge0 + s_ge1) : 1
m = 1 / (1 + exp(-(v + 37) / 10)) : 1
a = 1 / (1 + exp(-(v + 57) / 2)) : 1
q = 1 / (1 + exp(-(v + 35) / 2)) : 1
rate = 1 / (0.05 + 0.27 / (1 + exp((v + 40) / 12))) : 1 (constant over dt)
dn/dt = 0.1 * rate * (n_inf - n) / ms : 1
n_inf = 1 / (1 + exp(-(v + 50) / 14)) : 1 (constant over dt)
dh/dt = 0.05 * rate * (h_inf - h) / ms : 1
h_inf = 1 / (1 + exp((v + 58) / 12)) : 1 (constant over dt)
dr/dt = (r_inf - r) / (30 * ms) : 1
r_inf = 1 / (1 + exp((v + 70) / 2)) : 1 (constant over dt)
dca/dt = 1e-4 * (i_ca - 15 * ca) / ms : 1
i_ca = (g_t + g_ca) * (120 - v) : 1 (constant over dt)
du/dt = (u_open - (u_open + 0.04) * u) / ms : 1
u_open = 2 / (1 + exp(-(v + 37) / 2)) : 1 (constant over dt)
ds/dt = z / ms : 1
dz/dt = (-0.4 * z - 0.04 * s) / ms : 1
applied : 1
s_sn0 : 1 (linked)
s_sn1 : 1 (linked)
s_ge0 : 1 (linked)
s_ge1 : 1 (linked)
"""
