"""The last seconds of an episode as a picture: what was recorded, the symptom, what was asked for and given, vetoes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..loop import Loop
from ..shield.vetoes import Veto

SECONDS = 10.0
FEWEST, MOST = 40, 1000  # windows
CHANNELS = 4
WIDTH, HEIGHT, DPI = 8.0, 6.0, 100  # inches
_BLUE, _ORANGE, _GREEN, _GREY, _RED = "#3b6fb6", "#d9822b", "#3a9b6b", "#8a8f98", "#c0392b"


class Frame(NamedTuple):
    """What is kept of one window for the picture: v (n_channels, n_times) V; marker (); requested, applied (n_stim,) A;
    vetoes ()."""

    v: np.ndarray
    marker: float
    requested: np.ndarray
    applied: np.ndarray
    vetoes: int


def frames_kept(loop: Loop) -> int:
    """How many windows a picture holds."""
    return int(np.clip(SECONDS / window_seconds(loop), FEWEST, MOST))


def window_seconds(loop: Loop) -> float:
    return loop.plant.amplifier.n_times / loop.plant.amplifier.sfreq


def frame(fields: dict[str, Any]) -> Frame:
    """Of the fields that a step of the engine gives."""
    info = fields["info"]
    v = fields.get("recorded", fields["observation"])
    return Frame(
        np.array(v), float(info["marker"]), np.array(info["requested_action"]), np.array(info["applied_action"]),
        int(info.get("vetoes", 0)),
    )  # fmt: skip


def draw(frames: Sequence[Frame], last_tick: int, loop: Loop, title: str, marker: str) -> np.ndarray:
    """The picture, uint8 (height, width, 3). ``last_tick``: the window's that comes last; marker: what it is, with its
    unit."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    ratios = [3, 2, 2, 1]
    signal, symptom, current, refused = figure.subplots(4, 1, sharex=True, height_ratios=ratios)
    width = window_seconds(loop)
    n_times = frames[0].v.shape[-1]
    begin = (last_tick + 1 - len(frames)) * width
    edges = begin + width * np.arange(len(frames) + 1)
    x = np.concatenate([f.v[:CHANNELS] for f in frames], axis=-1) * 1e6
    seconds = begin + np.arange(x.shape[-1]) * width / n_times
    apart = 2.0 * (float(np.quantile(np.abs(x - np.median(x, axis=-1, keepdims=True)), 0.99)) or 1.0)
    names = loop.plant.projection.montage.ch_names
    for i, row in enumerate(x):
        signal.plot(seconds, row - apart * i, color=_BLUE, lw=0.7)
    if len(x) > 1:
        signal.set_yticks([-apart * i for i in range(len(x))], [str(n) for n in names[: len(x)]], fontsize=8)
        signal.set_title(f"recorded, {apart:.3g} uV apart", fontsize=9, loc="left")
    else:
        signal.set_ylabel("uV", fontsize=9)
        signal.set_title("recorded", fontsize=9, loc="left")
    middle = 0.5 * (edges[1:] + edges[:-1])
    symptom.plot(middle, [f.marker for f in frames], color=_ORANGE, lw=1.2)
    symptom.set_title(marker, fontsize=9, loc="left")
    symptom.set_ylim(min(0.0, *symptom.get_ylim()), max(1.0, *symptom.get_ylim()))
    requested = 1e3 * np.stack([f.requested for f in frames])
    applied = 1e3 * np.stack([f.applied for f in frames])
    # dashes of many windows run together
    asked: dict[str, Any] = {"lw": 1.0, "ls": "--"} if len(frames) <= 200 else {"lw": 0.5}
    for i in range(applied.shape[1]):
        named = i == 0
        current.stairs(requested[:, i], edges, color=_GREY, **asked, label="requested" if named else None)
        current.stairs(applied[:, i], edges, fill=True, color=_GREEN, alpha=0.7, label="applied" if named else None)
    current.set_ylabel("mA", fontsize=9)
    current.set_title("stimulation", fontsize=9, loc="left")
    current.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, fontsize=8, frameon=False, ncols=2)
    seen = [veto for veto in Veto if any(f.vetoes & veto for f in frames)]
    for i, veto in enumerate(seen):
        at = [t for t, f in zip(middle, frames) if f.vetoes & veto]
        refused.plot(at, np.full(len(at), i), "|", color=_RED, ms=6)
    refused.set_yticks(range(len(seen)), [(veto.name or "").lower() for veto in seen], fontsize=8)
    refused.set_ylim(-0.7, max(len(seen), 1) - 0.3)
    refused.set_title("vetoes of the shield" if loop.shield is not None else "no shield", fontsize=9, loc="left")
    refused.set_xlabel("s", fontsize=9)
    refused.set_xlim(edges[0], edges[-1])
    for ax in (signal, symptom, current, refused):
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
