"""The figures of a benchmark, each from its ``results.json`` alone."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import draw
from .text import MINUS, severity_label

WIDTH = 12.0  # inches
ROW = 0.19  # inches a line of text takes
COLOURS = {
    "none": "#0072B2",
    "errors": "#CC79A7",
    "10": "#E69F00",
    "20": "#D55E00",
    "delayed": "#999933",
    "full": "#009E73",
}
GREY = "#bbbbbb"
NAMED = 3  # lines that a panel names, besides the bounds
LETTER, LINE, DOT = 0.058, 0.12, 0.03  # inches: a letter's width, a line's height and a point's radius at size 7
MAP_WIDTH = 0.66  # of the figure
MOST_ROWS = 44  # of the map; with more arms it leaves the budgets between none and full out


class Drawing(NamedTuple):
    """What a page draws as SVG and the docs as PNG: a name, inches, ``paint(figure)``, and what it shows in words."""

    name: str
    size: tuple[float, float]
    paint: draw.Draw
    alt: str


def svg(drawing: Drawing | None) -> str:
    """The drawing as an element of a page; nothing where there is none."""
    return "" if drawing is None else draw.svg(*drawing)


def _methods(results: Mapping[str, Any], budget: str | None = None) -> list[Mapping[str, Any]]:
    rows = [row for row in results["leaderboard"] if row["role"] == "method"]
    return [row for row in rows if budget in (None, row["budget"])]


def _budgets(results: Mapping[str, Any]) -> list[str]:
    there = {row["budget"] for row in _methods(results)}
    return [name for name in results["budgets"] if name in there]


def leaderboard(results: Mapping[str, Any]) -> Drawing | None:
    """Gain over frozen with its interval, a line per arm, a block per budget."""
    blocks = [(name, _methods(results, name)) for name in _budgets(results)]
    oracle = next(row for row in results["leaderboard"] if row["role"] == "oracle")
    n_lines = sum(len(rows) + 1 for _, rows in blocks) + 1
    height = ROW * n_lines + 0.75

    def paint(figure: Any) -> None:
        ax = figure.add_axes((0.27, 0.5 / height, 0.7, (height - 0.65) / height))
        y, names = 0.0, []
        for budget, rows in blocks:
            title = results["budgets"][budget]["title"]
            ax.text(-0.01, y, title, transform=ax.get_yaxis_transform(), ha="right", va="center", fontweight="bold")
            y += 1
            for row in rows:
                _interval(ax, row, y, COLOURS[budget])
                names.append((y, row["title"]))
                y += 1
        _interval(ax, oracle, y, "black")
        names.append((y, "Oracle"))
        ax.axvline(0, color="#777777", linewidth=1.6)
        ax.set_yticks([at for at, _ in names], [name for _, name in names])
        ax.set_ylim(y + 0.7, -0.7)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("points over frozen, all trials after the onset")

    return Drawing("leaderboard", (WIDTH, height), paint, "Gain over frozen of every method, by label budget")


def _interval(ax: Any, row: Mapping[str, Any], y: float, colour: str) -> None:
    value, lo, hi = (row[f"gain{end}"] for end in ("", "_lo", "_hi"))
    if lo is not None and hi is not None:
        ax.plot([100 * lo, 100 * hi], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
    ax.plot([100 * value], [y], "o", color=colour, markersize=4.5)


def critical_difference(results: Mapping[str, Any]) -> Drawing | None:
    """Mean ranks on an axis per budget, bars over those that cannot be told apart; empty with too few to rank."""
    found = results["ranks"]
    if not found:
        return None
    heights = [0.95 + ROW * ((len(one["arms"]) + 1) // 2) + 0.09 * len(one["groups"]) for one in found]
    total = sum(heights) + 0.1

    def paint(figure: Any) -> None:
        top = total - 0.05
        for one, height in zip(found, heights):
            ax = figure.add_axes((0.0, (top - height) / total, 1.0, height / total))
            ax.set_xlim(0, WIDTH)
            ax.set_ylim(height, 0)
            ax.axis("off")
            _diagram(ax, one, results["budgets"][one["budget"]]["title"])
            top -= height

    return Drawing("ranks", (WIDTH, total), paint, "Critical difference diagrams, one for each label budget")


def _diagram(ax: Any, one: Mapping[str, Any], title: str) -> None:
    """In inches: the axis from rank 1 (right) to the last, methods on both sides."""
    k = len(one["arms"])
    left, right, line = 3.3, WIDTH - 3.3, 0.62

    def at(value: float) -> float:
        return right - (value - 1) / max(k - 1, 1) * (right - left)

    p = one["p"]
    differ = f"Friedman p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}, {one['n_people']} people"
    ax.text(0.1, 0.14, title, fontweight="bold", fontsize=9, va="center")
    ax.text(0.1, 0.34, differ, fontsize=7, color="#5a5a5a", va="center")
    ax.plot([left, right], [line, line], color="black", linewidth=1.2)
    step = max(1, -(-k // 16))
    for value in range(1, k + 1, step):
        ax.plot([at(value)] * 2, [line - 0.06, line], color="black", linewidth=1)
        ax.text(at(value), line - 0.1, str(value), ha="center", va="bottom", fontsize=7)
    span = min(one["critical"] / max(k - 1, 1) * (right - left), right - left)
    ax.plot([left, left + span], [0.2, 0.2], color="black", linewidth=1.6)
    for x in (left, left + span):
        ax.plot([x, x], [0.15, 0.25], color="black", linewidth=1)
    wide = "" if one["critical"] <= k - 1 else ", wider than the axis"
    ax.text(left + span + 0.08, 0.2, f"CD {one['critical']:.2f}{wide}", va="center", fontsize=7)
    bar = line + 0.1
    by_name = dict(zip(one["arms"], one["mean_rank"]))
    for group in one["groups"]:
        first, last = at(by_name[group[0]]), at(by_name[group[-1]])
        ax.plot([first + 0.04, last - 0.04], [bar, bar], color="#444444", linewidth=2.6, solid_capstyle="butt")
        bar += 0.09
    order = np.argsort(one["mean_rank"], kind="stable")
    n_right = (k + 1) // 2
    for i, index in enumerate(order):
        value, name = one["mean_rank"][index], one["titles"][index]
        on_right = i < n_right
        level = bar + 0.08 + ROW * (i if on_right else k - 1 - i)
        edge = right + 0.1 if on_right else left - 0.1
        frozen = one["arms"][index] == "frozen"
        colour = "#777777" if frozen else COLOURS[one["budget"]]
        ax.plot([at(value), at(value), edge], [line, level, level], color=colour, linewidth=0.8)
        side = {"ha": "left" if on_right else "right", "va": "center", "fontsize": 7.5}
        text = f"{value:.1f}  {name}" if on_right else f"{name}  {value:.1f}"
        ax.text(edge + (0.06 if on_right else -0.06), level, text, fontweight="bold" if frozen else None, **side)


def recovery(results: Mapping[str, Any]) -> Drawing | None:
    """Share of drifting streams recovered by trials since the onset, a panel per budget; empty where nothing drifts."""
    curves = {curve["arm"]: curve for curve in results["kaplan_meier"]}
    if not curves:
        return None
    budgets = _budgets(results)
    rows = -(-len(budgets) // 2)

    end = max(min(curve["watched"], curve["usual"]) for curve in curves.values())

    def paint(figure: Any) -> None:
        named = []
        for ax, budget in zip(draw.panels(figure, len(budgets), min(len(budgets), 2)), budgets):
            ax.set_ylim(-2, 102)
            mine = _methods(results, budget)
            shown = [("frozen", "Frozen", draw.FROZEN)]
            shown += [
                (row["arm"], _short(row["title"]), {"color": colour, "linewidth": 1.5, "zorder": 2.4})
                for row, colour in zip(mine[:NAMED], draw.PALETTE)
            ]
            shown += [("oracle", "Oracle", draw.ORACLE)]
            for row in mine[NAMED:]:
                _step(ax, curves[row["arm"]], end, {"color": GREY, "linewidth": 0.7, "zorder": 2.1})
            named.append((ax, [(_step(ax, curves[arm], end, style), title, style) for arm, title, style in shown]))
            ax.axhline(50, color="#999999", linewidth=0.8, linestyle=":")
            ax.set_xlim(0, end)
            ax.set_title(results["budgets"][budget]["title"])
            ax.set_xlabel("trials since the onset")
            ax.set_ylabel("recovered, % of streams")
        for ax, ends in named:
            draw.label_lines(ax, ends)

    size = (WIDTH, 2.9 * rows + 0.1) if len(budgets) > 1 else (WIDTH, 3.6)
    return Drawing("recovery", size, paint, "Share of streams recovered by trials since the onset")


def _short(title: str) -> str:
    """A title as it fits beside a panel."""
    if len(title) <= draw.LABEL_LENGTH:
        return title
    return title.replace("Riemannian recentering", "Recentering").replace("Euclidean alignment", "Alignment")


def _step(ax: Any, curve: Mapping[str, Any], end: float, style: Mapping[str, Any]) -> float:
    """The curve as steps as far as ``end``, or as it was watched where some had not recovered by then; its last y."""
    shown = np.asarray(curve["trial"]) <= end
    x = np.append(
        np.asarray(curve["trial"])[shown], end if curve["unrecovered"][-1] == 0 else min(curve["watched"], end)
    )
    y = 100 * (1 - np.asarray(curve["unrecovered"])[shown])
    ax.step(x, np.append(y, y[-1]), where="post", **style)
    return float(y[-1])


def frontier(results: Mapping[str, Any]) -> Drawing | None:
    """Gain against labels used, a point per arm; those on the frontier are named and joined."""
    rows = _methods(results)
    best: list[Mapping[str, Any]] = []
    for row in sorted(rows, key=lambda row: (row["labels"], -row["gain"])):
        if not best or row["gain"] > best[-1]["gain"]:
            best.append(row)
    named = {row["arm"]: row for row in best}
    for budget in _budgets(results):
        first = _methods(results, budget)[0]
        named.setdefault(first["arm"], first)

    def paint(figure: Any) -> None:
        ax = draw.grid_of(figure, 1, 1)[0, 0]
        for budget in _budgets(results):
            mine = _methods(results, budget)
            x, y = [row["labels"] for row in mine], [100 * row["gain"] for row in mine]
            title = results["budgets"][budget]["title"]
            ax.plot(x, y, "o", color=COLOURS[budget], markersize=5, alpha=0.85, label=title, zorder=2.4)
        x = [row["labels"] for row in best] + [max(row["labels"] for row in rows)]
        ax.step(x, [100 * row["gain"] for row in best] + [100 * best[-1]["gain"]], where="post", color="#444444")
        ax.axhline(0, **draw.FROZEN)
        oracle = next(row for row in results["leaderboard"] if row["role"] == "oracle")
        ax.axhline(100 * oracle["gain"], **draw.ORACLE)
        low, high = ax.get_ylim()
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        # few labels are what users have: a root gives them room, and 0 a place
        ax.set_xscale("function", functions=(_root, lambda v: np.sign(v) * np.square(v)))
        most = max([row["labels"] for row in rows] + [1.0])
        ax.set_xlim(-0.0004 * most, 1.08 * most)
        ticks = [v for v in (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if v <= most]
        ax.set_xticks(ticks, [str(v) for v in ticks])
        ax.minorticks_off()
        ends = [(0.0, "Frozen", draw.FROZEN), (100 * oracle["gain"], "Oracle", draw.ORACLE)]
        draw.label_lines(ax, ends)
        _names(ax, list(named.values()), rows, best, 100 * oracle["gain"])
        ax.set_xlabel("labels used after the onset, mean of scenarios and people")
        ax.set_ylabel("points over frozen")
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7, borderaxespad=0.0)

    return Drawing("frontier", (WIDTH, 4.6), paint, "Gain over frozen against labels used")


def _root(value: Any) -> Any:
    return np.sign(value) * np.sqrt(np.abs(value))


def _names(
    ax: Any,
    named: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    best: Sequence[Mapping[str, Any]],
    oracle: float,
) -> None:
    """Names beside points, each at the nearest place where it covers no other name, no point and no line."""
    box = ax.get_position()
    width, height = (n * m for n, m in zip(ax.figure.get_size_inches(), (box.width, box.height)))
    (left, right), (low, high) = (_root(ax.get_xlim()), ax.get_ylim())

    def place(row: Mapping[str, Any]) -> tuple[float, float]:
        """Inches from the lower left corner of the axes."""
        x = (_root(row["labels"]) - left) / (right - left)
        return float(x * width), float((100 * row["gain"] - low) / (high - low) * height)

    points = [place(row) for row in rows]
    corners = [place(row) for row in best]
    ends = [*(x for x, _ in corners[1:]), max(x for x, _ in points)]
    level = (oracle - low) / (high - low) * height
    flat = [(0.0, width, level), *((x, end, y) for (x, y), end in zip(corners, ends))]
    upright = [(x, y0, y1) for (_, y0), (x, y1) in itertools.pairwise(corners)]
    taken: list[tuple[float, float, float, float]] = []
    for row in sorted(named, key=lambda row: -row["gain"]):
        x, y = place(row)
        length = LETTER * len(row["title"])

        def crowd(at: tuple[float, float], length: float = length) -> float:
            x0, x1, y0, y1 = at[0], at[0] + length, at[1] - LINE / 2, at[1] + LINE / 2
            hit = sum(x0 < b[1] and b[0] < x1 and y0 < b[3] and b[2] < y1 for b in taken)
            on = sum(x0 - DOT < px < x1 + DOT and y0 - DOT < py < y1 + DOT for px, py in points)
            on += sum(x0 < end and start < x1 and y0 < at < y1 for start, end, at in flat)
            on += sum(x0 < at < x1 and y0 < end and start < y1 for at, start, end in upright)
            out = max(0.0, x1 - width) + max(0.0, -x0) + max(0.0, y1 - height) + max(0.0, -y0)
            return 10.0 * hit + on + 100.0 * out

        sides = [x + 0.1, x - 0.1 - length]
        places = [(side, y + 0.09 * up) for up in (1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6) for side in sides]
        px, py = min(places, key=lambda at: round(crowd(at), 6))
        taken.append((px, px + length, py - LINE / 2, py + LINE / 2))
        ax.annotate(
            row["title"],
            (x / width, y / height),
            ((px if px > x else px + length) / width, py / height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=7,
            color=COLOURS[row["budget"]],
            va="center",
            ha="left" if px > x else "right",
            arrowprops=None
            if abs(py - y) < 0.15
            else {"arrowstyle": "-", "color": COLOURS[row["budget"]], "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2},
        )


def severity_of(scenario: Mapping[str, Any]) -> str:
    """How strongly it drifts; nothing where the number alone says nothing."""
    if not scenario["drifting"]:
        return "no drift"
    return severity_label(scenario["severity"], scenario["severity_unit"]) if scenario["severity_unit"] else ""


def _wrapped(name: str, length: int) -> str:
    """The name on lines of so many letters where it has places to break."""
    lines = [""]
    for word in re.split(r"(?<=[_:.])", name):
        if lines[-1] and len(lines[-1] + word) > length:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def drift_map(results: Mapping[str, Any]) -> Drawing | None:
    """Gain of every arm in every scenario, as numbers on colour."""
    methods = _methods(results)
    if len(methods) > MOST_ROWS:
        methods = [row for row in methods if row["budget"] in ("none", "errors", "full")]
    rows = [*methods, next(row for row in results["leaderboard"] if row["role"] == "oracle")]
    scenarios = results["scenarios"]
    by = {(place["arm"], place["scenario"]): place for place in results["map"]}
    gains = 100 * np.array([[by[row["arm"], s["scenario"]]["gain"] for s in scenarios] for row in rows])
    most = max(float(np.abs(gains).max()), 1.0)
    heads = [_wrapped(s["scenario"], round(MAP_WIDTH * WIDTH / len(scenarios) / LETTER) - 1) for s in scenarios]
    heads = [f"{head}\n{severity_of(s)}".strip() for head, s in zip(heads, scenarios)]
    above = 0.25 + 0.13 * max(head.count("\n") + 1 for head in heads)
    height = ROW * len(rows) + above + 0.1

    def paint(figure: Any) -> None:
        ax = figure.add_axes((0.98 - MAP_WIDTH, 0.1 / height, MAP_WIDTH, ROW * len(rows) / height))
        ax.imshow(gains, cmap="RdBu", vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
        for i, row in enumerate(rows):
            for j, scenario in enumerate(scenarios):
                place = by[row["arm"], scenario["scenario"]]
                sure = place["gain_lo"] is not None and (place["gain_lo"] > 0 or place["gain_hi"] < 0)
                value = gains[i, j]
                text = f"{value:+.1f}".replace("-", MINUS) if round(value, 1) else "0"
                dark = abs(value) > 0.6 * most
                ax.text(
                    j,
                    i,
                    text,
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if dark else "black",
                    fontweight="bold" if sure else "normal",
                )
        ax.set_xticks(range(len(scenarios)), heads, fontsize=7)
        ax.xaxis.tick_top()
        labels = [row["title"] + (f" ({row['feedback']})" if row["role"] == "method" else "") for row in rows]
        ax.set_yticks(range(len(rows)), labels)
        ax.tick_params(length=0)
        ax.grid(False)
        for side in ax.spines.values():
            side.set_visible(False)
        changes = [i for i in range(1, len(rows)) if rows[i]["budget"] != rows[i - 1]["budget"] or i == len(rows) - 1]
        for i in changes:
            ax.axhline(i - 0.5, color="white", linewidth=3)

    return Drawing("map", (WIDTH, height), paint, "Gain over frozen of every method in every scenario")
