"""How the Berg-Scherg parameters of a head change with its skull's conductivity, an uncertainty of a factor of three.

Coefficients by ``tools/fit_skull_conductivity.py`` from the exact Legendre series. For a dipole 15 mm below the scalp
the gain is within 6.7e-3 of it over the whole range, which is the published 1/80 row's own error; 30 mm below, 3.9e-3.
"""

import jax.numpy as jnp
from jax import Array

DEGREE = 4
LARGEST = 3.0
"""The fit holds for a third to three times the preset's skull conductivity; beyond, it stays at the end."""

# (degree, mu or lambda, which of the three): added to the preset's per power 1, 2, 3, 4 of log(relative conductivity)
COEFFICIENTS = {
    "mne": (
        ((0.06176630, 0.17007094, 0.17078706), (-0.01445086, 0.20262514, -0.02090421)),
        ((-0.03473096, -0.05449263, 0.86585739), (0.03364979, -0.04785558, -0.03564785)),
        ((-0.02356765, -0.04601589, -0.01617463), (0.07714345, -0.01357242, -0.06455618)),
        ((0.01188174, 0.02088782, -0.33683289), (0.01221638, 0.00441796, -0.01277744)),
    ),  # error 3.0e-03 at most, 2.3e-03 at the preset
    "skull-1/80": (
        ((0.00389356, 0.03470549, -0.42919436), (0.10786803, 0.28553395, -0.12614041)),
        ((0.00617915, 0.09152136, 0.01986091), (0.03034456, -0.15275538, 0.09675984)),
        ((-0.00003752, -0.01738903, 0.31767641), (-0.00707894, -0.03204929, 0.02105071)),
        ((0.00309159, -0.01055757, 0.12812396), (-0.00839408, 0.07019958, -0.05876591)),
    ),  # error 5.9e-03 at most, 5.9e-03 at the preset
    "skull-1/25": (
        ((0.03377960, 0.16062937, 0.11949818), (0.05990271, 0.11252837, -0.01242319)),
        ((-0.01427523, -0.03929333, 1.41878838), (0.02620090, -0.04968377, -0.02983111)),
        ((-0.01318114, -0.05281217, -0.01944921), (0.07479128, -0.00452431, -0.06949865)),
        ((0.00465004, 0.01820619, -0.61458268), (0.02551382, -0.03668831, 0.01312872)),
    ),  # error 4.2e-03 at most, 2.9e-03 at the preset
    "skull-1/15": (
        ((0.01272445, 0.10713311, 0.77043337), (0.14811880, 0.00640068, -0.04837673)),
        ((-0.01276191, -0.05033779, 0.47370093), (0.10127426, -0.10189302, -0.04783134)),
        ((0.00347152, -0.01482519, -0.57662850), (0.04571381, 0.01286212, -0.05302712)),
        ((-0.00200778, -0.00778022, 0.08918370), (0.01235384, 0.01879637, -0.02974314)),
    ),  # error 3.9e-03 at most, 3.5e-03 at the preset
}


def change(coefficients: Array, skull: Array) -> tuple[Array, Array]:
    """What is added to mu (3,) and to lambda (3,) of a head with ``coefficients`` (DEGREE, 2, 3) at the relative
    conductivity ``skull`` (); exactly zero at 1."""
    u = jnp.clip(jnp.log(skull), -jnp.log(LARGEST), jnp.log(LARGEST))
    total = coefficients[-1] * u
    for coefficient in coefficients[-2::-1]:
        total = (total + coefficient) * u
    return total[0], total[1]
