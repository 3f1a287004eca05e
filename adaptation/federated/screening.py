"""Which updates a coordinator lets in: finite ones of usual size that it has not seen before."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Screened(NamedTuple):
    """updates (n_sites, n), shortened to the norm that is allowed, 0 where not admitted; admitted (n_sites,) bool;
    norms (n_sites,) as they came; reasons: why not, by place; clipped: places of those that were shortened."""

    updates: np.ndarray
    admitted: np.ndarray
    norms: np.ndarray
    reasons: dict[int, str]
    clipped: tuple[int, ...]


def screen(
    updates: Sequence[np.ndarray],
    seen: set[bytes],
    *,
    clip: float | None = None,
    too_large: float | None = 10.0,
) -> Screened:
    """``updates`` checked one by one; what is admitted is added to ``seen``.

    Refused: a value that is not finite; the same bits as an earlier update of anybody (replayed); a norm of more than
    ``too_large`` times the median norm of the others. Those longer than ``clip`` are shortened to it.
    """
    reasons: dict[int, str] = {}
    marks = []
    for i, update in enumerate(updates):
        mark = hashlib.sha256(np.ascontiguousarray(update).tobytes()).digest()
        if not np.isfinite(update).all():
            reasons[i] = "not finite"
        elif mark in seen or mark in marks:
            reasons[i] = "seen before"
        marks.append(mark)
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.array([np.linalg.norm(np.asarray(u, np.float64)) for u in updates])
    fine = [i for i in range(len(updates)) if i not in reasons]
    for i in fine:
        others = [norms[j] for j in fine if j != i]
        if too_large is not None and others and norms[i] > too_large * np.median(others):
            reasons[i] = f"{norms[i] / max(float(np.median(others)), 1e-30):.3g} times as large as usual"
    admitted = np.array([i not in reasons for i in range(len(updates))])
    seen.update(mark for mark, ok in zip(marks, admitted) if ok)
    out = np.zeros((len(updates), len(updates[0])), np.float32)
    clipped = []
    for i in np.flatnonzero(admitted):
        factor = 1.0
        if clip is not None and norms[i] > clip:
            factor = clip / norms[i]
            clipped.append(int(i))
        out[i] = updates[i] * factor
    return Screened(out, admitted, norms, reasons, tuple(clipped))
