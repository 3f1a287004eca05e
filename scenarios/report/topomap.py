"""Topographies before and after the drift, drawn on the head seen from above."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.interpolate import RBFInterpolator

from . import draw
from .text import severity_label

N_GRID = 60
N_MAPS = 6


def flatten(positions: Any) -> np.ndarray:
    """Azimuthal equidistant projection of positions (n, 3) about the vertex (x right, y front): (n, 2).

    The distance from the middle is the angle from the vertex, 1 at the equator of the sphere.
    """
    x, y, z = np.asarray(positions, float).T
    polar = np.arctan2(np.hypot(x, y), z) / (np.pi / 2)
    azimuth = np.arctan2(y, x)
    return np.stack([polar * np.cos(azimuth), polar * np.sin(azimuth)], -1)


def interpolate(xy: np.ndarray, values: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Thin-plate spline through the electrodes on a grid (axis, map); None where they span no plane."""
    _, first = np.unique(xy.round(6), axis=0, return_index=True)
    first = np.sort(first[np.isfinite(values[first])])
    if first.size < 4 or np.linalg.matrix_rank(xy[first] - xy[first].mean(0), tol=1e-3) < 2:
        return None
    axis = np.linspace(-radius, radius, N_GRID)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    spline = RBFInterpolator(xy[first], values[first], kernel="thin_plate_spline")
    return axis, spline(grid).reshape(N_GRID, N_GRID)


def _head(ax: Any, xy: np.ndarray, values: np.ndarray, limit: float, radius: float, names: Sequence[str]) -> Any:
    from matplotlib.patches import Circle

    ax.set_aspect("equal")
    ax.set_axis_off()
    rim = Circle((0, 0), radius, fill=False, linewidth=1, edgecolor="#444444")
    levels = np.linspace(-limit, limit, 17)
    field = interpolate(xy, values, radius)
    if field is not None:
        axis, surface = field
        # No colour beyond what an electrode has seen: outside the electrodes the spline only guesses.
        surface = np.clip(surface, np.nanmin(values), np.nanmax(values))
        drawn = ax.contourf(axis, axis, surface, levels, cmap="RdBu_r", extend="neither")
        ax.add_patch(rim)
        drawn.set_clip_path(rim)
    else:
        drawn = ax.scatter(*xy.T, c=values, cmap="RdBu_r", vmin=-limit, vmax=limit, s=90, edgecolor="#444444")
        ax.add_patch(rim)
    nose = np.array([[-0.09, 0.995], [0.0, 1.1], [0.09, 0.995]]) * radius
    ax.plot(*nose.T, color="#444444", linewidth=1)
    ax.plot(*xy.T, "o", color="#222222", markersize=1.6)
    if len(names) <= 20:
        for (x, y), name in zip(xy, names):
            ax.text(x, y + 0.03 * radius, str(name), fontsize=5, ha="center", va="bottom", color="#222222")
    ax.set_xlim(-1.18 * radius, 1.18 * radius)
    ax.set_ylim(-1.12 * radius, 1.18 * radius)
    return drawn


def topographies(results: Mapping[str, Any]) -> str:
    """A column per severity, before above after, one scale for all; empty without topographies."""
    maps = results["topographies"]
    if not maps:
        return ""
    keep = np.unique(np.linspace(0, len(maps) - 1, min(len(maps), N_MAPS)).round().astype(int))
    maps = [maps[i] for i in keep]
    values = {when: [1e6 * draw.numbers(one[when]) for one in maps] for when in ("before", "after")}
    limit = max(float(np.nanmax(np.abs(v), initial=0.0)) for some in values.values() for v in some) or 1.0
    limit = float(f"{1.05 * limit:.1g}") if float(f"{1.05 * limit:.1g}") >= limit else float(f"{1.05 * limit:.2g}")
    unit = results.get("severity_unit", "")
    single = len(maps) == 1
    size = (6.0, 2.7) if single else (min(12.0, 2.2 * len(maps) + 1.2), 4.6)

    def paint(figure: Any) -> None:
        room = 0.9 / size[0]
        edges = {"left": 0.01, "right": 1 - room, "bottom": 0.02, "top": 0.93, "wspace": 0.05, "hspace": 0.15}
        shape = (1, 2) if single else (2, len(maps))
        grid = figure.subplots(*shape, squeeze=False, gridspec_kw=edges)
        grid = grid.T if single else grid
        for j, one in enumerate(maps):
            xy = flatten(one["positions"])
            radius = max(1.0, 1.04 * float(np.hypot(*xy.T).max()))
            for i, when in enumerate(("before", "after")):
                drawn = _head(grid[i, j], xy, values[when][j], limit, radius, one["ch_names"])
                label = severity_label(one["severity"], unit) if len(maps) > 1 else ""
                grid[i, j].set_title(f"{when}{', ' if label else ''}{label}", loc="center", fontsize=8)
        bar = figure.add_axes((1 - 0.85 * room, 0.3, 0.12 / size[0], 0.4))
        figure.colorbar(drawn, cax=bar, label="µV", ticks=[-limit, 0, limit])

    return draw.svg("topographies", size, paint, "Topographies before and after the drift")
