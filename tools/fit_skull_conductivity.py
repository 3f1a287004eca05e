"""Fits the Berg-Scherg parameters of every preset head as smooth functions of its skull's conductivity.

    python tools/fit_skull_conductivity.py

prints the table of `sim/head/skull.py` and the error against the exact series. Takes a few seconds.

With u = log(conductivity / preset's), each of the three eccentricities mu and weights lambda is the preset's value plus
a polynomial of degree 4 in u without constant term, so that the preset itself comes out as published, to the last bit.
All coefficients of a head are fitted at once, over u in [-log 3, log 3], to the factors f_n of the exact series: sum_j
lambda_j mu_j^(n-1) = f_n, weighted as the terms weigh at the scalp for dipoles at .7 to .86 of the radius.
"""

import numpy as np
from scipy.optimize import least_squares

from neurodrift.sim.head.series import SHELLS, layer_factors
from neurodrift.sim.head.skull import DEGREE, LARGEST
from neurodrift.sim.head.sphere import PRESETS

N = np.arange(1, 61)
SPAN = np.linspace(-np.log(LARGEST), np.log(LARGEST), 25)
DEPTHS = np.array([0.7, 0.8, 0.84, 0.86])
# energy at the scalp of the n-th term, radial and tangential dipoles together, each depth normalised
ENERGY = (2 * N + 1.0) ** 2 / N * DEPTHS[:, None] ** (2 * N - 2)
WEIGHT = np.sqrt(np.sum(ENERGY / ENERGY.sum(axis=1, keepdims=True), axis=0))


def factors(head: str, u: float) -> np.ndarray:
    radii, conductivities, skull = SHELLS[head]
    changed = [sigma * (np.exp(u) if i == skull else 1.0) for i, sigma in enumerate(conductivities)]
    return layer_factors(N, radii, changed)


def fit(head: str) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (DEGREE, 2, 3) of mu and lambda, and the relative error of the factors at each u."""
    start = np.asarray(PRESETS[head][:2])
    exact = np.stack([factors(head, u) for u in SPAN])
    size = np.linalg.norm(WEIGHT * exact, axis=1, keepdims=True)
    powers = SPAN[:, None] ** np.arange(1, DEGREE + 1)

    def residual(coefficients: np.ndarray) -> np.ndarray:
        mu, weight = np.moveaxis(start + np.einsum("uk,kpj->upj", powers, coefficients.reshape(DEGREE, 2, 3)), 1, 0)
        model = np.einsum("uj,ujn->un", weight, mu[..., None] ** (N - 1))
        # an eccentricity of one or more would put an image of the dipole on the scalp or beyond
        beyond = np.maximum(np.abs(mu) - 0.997, 0.0)
        return np.concatenate([(WEIGHT * (model - exact) / size).ravel(), beyond.ravel()])

    found = least_squares(residual, np.zeros(6 * DEGREE), max_nfev=300)
    error = found.fun[: exact.size].reshape(exact.shape)
    return found.x.reshape(DEGREE, 2, 3), np.linalg.norm(error, axis=1)


def main() -> None:
    for head in SHELLS:
        coefficients, error = fit(head)
        print(f'    "{head}": (')
        for row in coefficients:
            (a, b, c), (d, e, f) = row.tolist()
            print(f"        (({a:.8f}, {b:.8f}, {c:.8f}), ({d:.8f}, {e:.8f}, {f:.8f})),")
        print(f"    ),  # error {error.max():.1e} at most, {error[len(error) // 2]:.1e} at the preset")


if __name__ == "__main__":
    main()
