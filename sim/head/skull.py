"""How the Berg-Scherg parameters of a head change with its skull's conductivity, an uncertainty of a factor of three.

Coefficients by ``tools/fit_skull_conductivity.py`` from the exact Legendre series. Against it, the factors of the
series' terms are within 4.4e-3 over the whole range, as they are at the published values themselves.
"""

import jax.numpy as jnp
from jax import Array

DEGREE = 4
LARGEST = 3.0
"""The fit holds for a third to three times the preset's skull conductivity; beyond, it stays at the end."""

# (degree, mu or lambda, which of the three): added to the preset's per power 1, 2, 3, 4 of log(relative conductivity)
COEFFICIENTS = {
    "mne": (
        ((0.06081401, 0.16262973, 0.78094736), (-0.01014832, 0.21241943, -0.03500794)),
        ((-0.04728719, -0.07499850, 0.21834193), (0.06623016, -0.05636799, -0.05980601)),
        ((-0.01715286, -0.02918479, -0.42645885), (0.07753686, -0.02421419, -0.05429566)),
        ((0.01203527, 0.01886314, 0.13248495), (0.00775084, 0.01119288, -0.01501619)),
    ),  # error 2.4e-03 at most, 1.7e-03 at the preset
    "skull-1/80": (
        ((0.00179188, 0.03285976, -0.42307526), (0.11086681, 0.28034151, -0.12387652)),
        ((-0.00068619, 0.07419900, 0.02291633), (0.04330079, -0.15332734, 0.08444062)),
        ((0.00649325, -0.00268598, 0.32373792), (-0.00746117, -0.03627467, 0.02560335)),
        ((0.00150485, -0.01263606, 0.12078816), (-0.01154691, 0.07109133, -0.05654742)),
    ),  # error 4.4e-03 at most, 4.4e-03 at the preset
    "skull-1/25": (
        ((0.03500773, 0.15472777, 0.91351792), (0.05941356, 0.12786620, -0.02756702)),
        ((-0.02160749, -0.05594362, 0.50709999), (0.05437878, -0.06527268, -0.04296813)),
        ((-0.00624512, -0.02601530, -0.57067263), (0.06495462, -0.02744964, -0.03639938)),
        ((0.00268807, 0.00825139, 0.06593375), (0.01849638, -0.01057357, -0.00549889)),
    ),  # error 3.6e-03 at most, 2.3e-03 at the preset
    "skull-1/15": (
        ((0.01242652, 0.10782355, 0.74488453), (0.14772526, 0.00511402, -0.04643378)),
        ((-0.01425492, -0.04830784, 0.46110930), (0.10508821, -0.11264881, -0.04063019)),
        ((0.00597642, -0.01049224, -0.49519987), (0.03934781, 0.01449064, -0.04856600)),
        ((-0.00258004, -0.01231684, 0.04096589), (0.01212225, 0.02343480, -0.03443778)),
    ),  # error 3.0e-03 at most, 3.0e-03 at the preset
}


def change(coefficients: Array, skull: Array) -> tuple[Array, Array]:
    """What is added to mu (3,) and to lambda (3,) of a head with ``coefficients`` (DEGREE, 2, 3) at the relative
    conductivity ``skull`` (); exactly zero at 1."""
    u = jnp.clip(jnp.log(skull), -jnp.log(LARGEST), jnp.log(LARGEST))
    total = coefficients[-1] * u
    for coefficient in coefficients[-2::-1]:
        total = (total + coefficient) * u
    return total[0], total[1]
