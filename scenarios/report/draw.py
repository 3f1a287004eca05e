"""What all figures share: matplotlib off-screen, colours that everybody can tell apart, labels beside the
lines.
"""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

# Okabe & Ito's palette without yellow and black, then Tol's muted colours: distinct under all colour blindness.
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#882255",
    "#999933",
    "#332288",
    "#44AA99",
)
FROZEN = {"color": "#777777", "linestyle": "-", "linewidth": 2.6, "zorder": 2.5}
ORACLE = {"color": "#000000", "linestyle": (0, (2, 1.5)), "linewidth": 1.8, "zorder": 2.6}
LABEL_ROOM = 1.95  # inches right of the axes, for LABEL_LENGTH characters
LABEL_LENGTH = 34
LEADER = 0.09  # inches from the end of a line to its name
WITH_LABELS = (0, (6, 1.5))
SEQUENCE = ("#c6d7ea", "#8fb5d9", "#5b8fc4", "#33669f", "#1d4272", "#0b2245")
RC = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "path.simplify_threshold": 0.3,
}
# Verdana is as wide as the font the layout was made with; the rest are narrower, so that nothing is cut off.
FONTS = "'DejaVu Sans', Verdana, 'Segoe UI', Arial, sans-serif"

Draw = Callable[[Any], None]


def svg(name: str, size: tuple[float, float], draw: Draw, alt: str) -> str:
    """An inline SVG of ``size`` inches drawn by ``draw(figure)``; the same drawing gives the same bytes."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # From the defaults up, so that a matplotlibrc on somebody's machine changes nothing.
    settings: Any = {**matplotlib.rcParamsDefault, **RC, "svg.hashsalt": name}
    del settings["backend"]
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size)
        FigureCanvasSVG(figure)
        draw(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return inline(file.getvalue(), alt, size[0])


def inline(text: str, alt: str, width: float) -> str:
    """Matplotlib's SVG file as an element of a page: no prologue, no addresses, at most ``width`` inches wide."""
    from html import escape

    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    box = re.search(r'viewBox="([^"]*)"', text)
    head = f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-label="{escape(alt)}" '
    head += f'style="max-width:{round(110 * width)}px">'
    text = re.sub(r"<svg[^>]*>", lambda _: head, text, count=1, flags=re.S)
    text = re.sub(
        r'\s*\bid="(?:figure|axes|patch|line2d|text|matplotlib|xtick|ytick|legend|\w*Collection)\w*"', "", text
    )
    text = text.replace("'DejaVu Sans'", FONTS).replace("xlink:href", "href")
    return re.sub(r"\n\s*", "\n", text)


def styles(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Line style of every method: frozen grey, oracle black; others solid without labels, dashed with."""
    roles = {row["method"]: row["role"] for row in results["table"]}
    uses = {row["method"]: bool(row["labels"]) for row in results["table"]}
    out: dict[str, dict[str, Any]] = {}
    for method in results["methods"]:
        if roles.get(method) == "frozen":
            out[method] = FROZEN
        elif roles.get(method) == "oracle":
            out[method] = ORACLE
        else:
            n = sum(style not in (FROZEN, ORACLE) for style in out.values())
            out[method] = {
                "color": PALETTE[n % len(PALETTE)],
                "linestyle": WITH_LABELS if uses.get(method) else "-",
                "linewidth": 1.3,
                "zorder": 2.2,
            }
    return out


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions at least ``gap`` apart, in the order wanted and as near as a forward and a backward pass get."""
    order = np.argsort(wanted, kind="stable")
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    placed = np.clip(np.asarray(wanted, float)[order], low, high)
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    overshoot = max(placed[-1] - high, 0.0) if len(placed) else 0.0
    if overshoot:
        placed[-1] = high
        for i in range(len(placed) - 2, -1, -1):
            placed[i] = min(placed[i], placed[i + 1] - gap)
    out = np.empty(len(placed))
    out[order] = placed
    return [float(x) for x in out]


def label_lines(ax: Any, labels: Iterable[tuple[float, str, Mapping[str, Any]]], size: float = 7.0) -> None:
    """Names right of the axes, at the heights (y, text, style) where the lines end, moved apart, with
    leaders.
    """
    labels = list(labels)
    low, high = ax.get_ylim()
    box = ax.get_position()
    height = box.height * ax.figure.get_size_inches()[1] * 72
    leader = LEADER / (box.width * ax.figure.get_size_inches()[0])
    at = spread([y for y, _, _ in labels], 1.4 * size * (high - low) / max(height, 1.0), low, high)
    for (y, text, style), place in zip(labels, at):
        y = min(max(y, low), high)
        start, end = ((x, (v - low) / (high - low)) for x, v in ((1.0, y), (1.0 + leader, place)))
        ax.plot(*zip(start, end), transform=ax.transAxes, color=style["color"], linewidth=0.6, clip_on=False)
        ax.text(
            1.0 + 1.15 * leader,
            end[1],
            text if len(text) <= LABEL_LENGTH else text[: LABEL_LENGTH - 1] + "…",
            transform=ax.transAxes,
            color=style["color"],
            fontsize=size,
            va="center",
            fontweight="bold" if style in (FROZEN, ORACLE) else "normal",
        )


def grid_of(figure: Any, rows: int, columns: int, right: float = LABEL_ROOM, **kwargs: Any) -> np.ndarray:
    """Axes (rows, columns) with margins in inches; matplotlib's own layout would draw every figure twice."""
    width, height = figure.get_size_inches()
    left, top, bottom = 0.6, 0.28, 0.5
    across, down = width / columns - left - right, height / rows - top - bottom
    space = {"wspace": (left + right) / across, "hspace": (top + bottom) / down}
    edges = {"left": left / width, "right": 1 - right / width, "bottom": bottom / height, "top": 1 - top / height}
    return figure.subplots(rows, columns, squeeze=False, gridspec_kw={**space, **edges}, **kwargs)


def panels(figure: Any, n: int, columns: int = 2) -> list[Any]:
    """n axes in rows of ``columns`` sharing both scales."""
    grid = grid_of(figure, -(-n // columns), columns, sharex=True, sharey=True).ravel()
    for ax in grid[n:]:
        ax.set_visible(False)
    for ax in grid[:n]:
        ax.tick_params(labelbottom=True, labelleft=True)
    return list(grid[:n])


def numbers(values: Sequence[float | None]) -> np.ndarray:
    """A list with nulls as floats with NaN."""
    return np.array([np.nan if value is None else value for value in values], float)
