"""Points spread evenly over a sphere, or the upper part of one."""

import numpy as np


def upper_sphere(n: int, height: float = 1.0) -> np.ndarray:
    """(n, 3) unit vectors on the cap of ``height`` radii below the top, 1 for the upper half, 2 for the whole sphere
    (Fibonacci lattice)."""
    i = np.arange(n) + 0.5
    z = 1.0 - height * i / n
    azimuth = np.pi * (1 + 5**0.5) * i
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), z], axis=1)
