"""The figures of a control run, each from its ``results.json`` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import draw
from .control_text import WHERE

WIDTH = 12.0  # inches
PANEL = 3.3
SMOOTHED_BY = 20  # of a learning curve, in the running mean of its thick line
OFF = {"color": "#777777", "linestyle": "-", "linewidth": 2.2, "zorder": 2.3}
CONTINUOUS = {"color": "#777777", "linestyle": (0, (1, 1.2)), "linewidth": 1.6, "zorder": 2.3}
ORACLE = {"color": "#000000", "linestyle": (0, (2, 1.5)), "linewidth": 1.8, "zorder": 2.6}
RANDOM = (0, (4, 1.5, 1, 1.5))
MARKERS = {"off": "o", "continuous": "s", "random": "x", "controller": "D", "learned": "*", "oracle": "P"}


def control_styles(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Line style of every arm: off and continuous grey, the oracle black, learned ones thick, random as its match but
    broken."""
    out: dict[str, dict[str, Any]] = {}
    used = 0
    for name, arm in results["arms"].items():
        if arm["role"] in ("off", "continuous", "oracle"):
            out[name] = {"off": OFF, "continuous": CONTINUOUS, "oracle": ORACLE}[arm["role"]]
        elif arm["role"] != "random":
            wide = 2.2 if arm["role"] == "learned" else 1.3
            colour = draw.PALETTE[used % len(draw.PALETTE)]
            used += 1
            out[name] = {"color": colour, "linestyle": "-", "linewidth": wide, "zorder": 2.5 if wide > 2 else 2.2}
    for name, arm in results["arms"].items():
        if arm["role"] == "random":
            colour = out.get(arm["matched"], OFF)["color"]
            out[name] = {"color": colour, "linestyle": RANDOM, "linewidth": 1.2, "zorder": 2.1}
    return out


def _drifts(results: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> list[str]:
    there = {item["drift"] for item in items}
    return [name for name in results["drifts"] if name in there]


def _size(n: int, panel: float = PANEL) -> tuple[float, float]:
    return (WIDTH, panel * n + 0.1)


def _mark_moments(ax: Any, results: Mapping[str, Any], drift: str) -> None:
    """Lines, or bands where patients differ, where a drift begins or ends; each kind is named once."""
    moments = next((m["moments"] for m in results["moments"] if m["drift"] == drift), [])
    for n, moment in enumerate(moments):
        if moment["hi"] - moment["lo"] < 1e-9:
            ax.axvline(moment["lo"], color="#b00020", linewidth=1)
        else:
            ax.axvspan(moment["lo"], moment["hi"], color="#b00020", alpha=0.08, linewidth=0)
        where = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
        ax.annotate(
            moment["name"], (moment["lo"], 1), (3, -1 - 8 * n), **where, fontsize=6.5, color="#b00020", va="top"
        )


def over_time(results: Mapping[str, Any], key: str) -> str:
    """``marker``, ``dose`` or ``regret`` of every arm over time, a row per drift."""
    curves = results["curves"]
    drifts = _drifts(results, curves)
    if not drifts:
        return ""
    style = control_styles(results)
    label = {
        "marker": f"{results['marker']}, % of OFF", "dose": "mean |u|, % of the largest",
        "regret": "reward lost so far",
    }[key]  # fmt: skip
    factor = 100.0 if key == "dose" else 1.0
    banded = _banded(results)

    def paint(figure: Any) -> None:
        named: list = []
        for ax, drift in zip(draw.grid_of(figure, len(drifts), 1)[:, 0], drifts):
            ends = []
            for curve in (c for c in curves if c["drift"] == drift):
                if key == "dose" and results["arms"][curve["arm"]]["role"] == "off":
                    continue
                line = style[curve["arm"]]
                x, y = np.array(curve["seconds"]), factor * draw.numbers(curve[key])
                if not np.isfinite(y).any():
                    continue
                ax.plot(x, y, **line)
                if key == "marker" and curve["arm"] in banded:
                    lo, hi = draw.numbers(curve["marker_lo"]), draw.numbers(curve["marker_hi"])
                    ax.fill_between(x, lo, hi, color=line["color"], alpha=0.13, linewidth=0)
                # the name stands beside what is seen of the line, not beside its last wiggle
                ends.append((float(np.nanmean(y[-max(len(y) // 12, 1) :])), _title(results, curve["arm"]), line))
            ax.set_xlim(0, max(c["seconds"][-1] for c in curves if c["drift"] == drift))
            if key != "regret":
                ax.set_ylim(bottom=0)
            _mark_moments(ax, results, drift)
            ax.set_title(WHERE[drift])
            ax.set_ylabel(label)
            ax.set_xlabel("time, s")
            named.append((ax, ends))
        for ax, ends in named:
            draw.label_lines(ax, ends)

    alt = {"marker": "Symptom marker", "dose": "Dose", "regret": "Cumulative regret"}[key]
    return draw.svg(f"control-{key}", _size(len(drifts)), paint, f"{alt} over time, every arm, one panel per drift")


def _title(results: Mapping[str, Any], arm: str) -> str:
    return str(results["arms"][arm]["title"])


def _banded(results: Mapping[str, Any]) -> set[str]:
    """Off, and the best learned arm or else controller: bands of all arms are one mass."""
    out = {"off"}
    for role in ("learned", "controller"):
        rows = [row for row in results["table"] if row["role"] == role]
        if rows:
            return out | {max(rows, key=lambda row: row["reward"])["arm"]}
    return out


def front_figure(results: Mapping[str, Any]) -> str:
    """Benefit against energy, a panel per drift: crosses are 95 % intervals, hollow arms are dominated."""
    rows = results["table"]
    drifts = _drifts(results, [row for row in rows if row["benefit"] is not None])
    if not drifts:
        return ""
    style = control_styles(results)
    energy = all(row["energy_percent"] is not None for row in rows)
    columns = min(len(drifts), 2)
    n_rows = -(-len(drifts) // columns)

    def paint(figure: Any) -> None:
        axes = draw.panels(figure, len(drifts), columns)
        for ax, drift in zip(axes, drifts):
            mine = [row for row in rows if row["drift"] == drift and row["benefit"] is not None]
            for row in mine:
                line = style[row["arm"]]
                x, y = (row[k] for k in ("effort", "benefit"))
                hollow = bool(row["dominated_by"]) and MARKERS[row["role"]] != "x"
                for key, lo, hi in (
                    ("h", row["effort_lo"], row["effort_hi"]),
                    ("v", row["benefit_lo"], row["benefit_hi"]),
                ):
                    if lo is not None and hi is not None:
                        span = ([lo, hi], [y, y]) if key == "h" else ([x, x], [lo, hi])
                        ax.plot(*span, color=line["color"], linewidth=0.8, alpha=0.6)
                if row["n_policies"] > 1:
                    for one in row["per_policy"]:
                        ax.plot(one["effort"], 100 - one["percent_off"], ".", color=line["color"], markersize=3)
                ax.plot(
                    x, y, MARKERS[row["role"]], color=line["color"], markersize=10 if row["role"] == "learned" else 6,
                    markerfacecolor="white" if hollow else line["color"], zorder=3,
                )  # fmt: skip
            staircase = sorted((row for row in mine if not row["dominated_by"]), key=lambda row: row["effort"])
            best, points = -np.inf, []
            for row in staircase:
                if row["benefit"] > best:
                    points.append((row["effort"], row["benefit"]))
                    best = row["benefit"]
            if len(points) > 1:
                ax.step(*zip(*points), where="post", color="#999999", linewidth=0.8, linestyle=":", zorder=1)
            ax.set_title(WHERE[drift])
            ax.set_xlabel("energy, % of continuous" if energy else "mean u², % of the largest")
            ax.set_ylabel("benefit, % of OFF taken away")
        for ax, drift in zip(axes, drifts):
            mine = [row for row in rows if row["drift"] == drift and row["benefit"] is not None]
            draw.label_lines(ax, [(row["benefit"], row["title"], style[row["arm"]]) for row in mine])

    return draw.svg("control-front", (WIDTH, 4.0 * n_rows + 0.1), paint, "Benefit against energy of every arm")


def veto_figure(results: Mapping[str, Any]) -> str:
    """How often the shield changed what an arm asked for, by kind; empty where it never did."""
    rows = [row for row in results["table"] if row["vetoes"]]
    drifts = _drifts(results, rows)
    if not drifts:
        return ""
    kinds = list(dict.fromkeys(kind for row in rows for kind in row["vetoes"]))
    colours = {kind: draw.PALETTE[n % len(draw.PALETTE)] for n, kind in enumerate(kinds)}
    height = 0.3 + max(0.26 * sum(row["drift"] == d for row in results["table"]) for d in drifts) + 0.5

    def paint(figure: Any) -> None:
        width, tall = figure.get_size_inches()
        axes = figure.subplots(len(drifts), 1, squeeze=False, sharex=True)[:, 0]
        figure.subplots_adjust(
            left=2.6 / width, right=1 - 2.0 / width, top=1 - 0.3 / tall, bottom=0.5 / tall,
            hspace=0.8 / max(height - 0.8, 0.1),
        )  # fmt: skip
        for ax, drift in zip(axes, drifts):
            mine = [row for row in results["table"] if row["drift"] == drift][::-1]
            step = 0.8 / len(kinds)
            for k, kind in enumerate(kinds):
                y = np.arange(len(mine)) + 0.4 - step * (k + 0.5)
                ax.barh(y, [100 * row["vetoes"].get(kind, 0.0) for row in mine], step, color=colours[kind], label=kind)
            ax.set_yticks(range(len(mine)), [row["title"] for row in mine])
            ax.set_xlabel("windows with a veto, %" if len(kinds) > 1 else f"windows with a veto of {kinds[0]}, %")
            ax.tick_params(labelbottom=True)
            ax.set_title(WHERE[drift])
            ax.grid(False, axis="y")
        if len(kinds) > 1:
            axes[0].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=7)

    return draw.svg("control-vetoes", (WIDTH, height * len(drifts)), paint, "Shield vetoes by kind, every arm")


def recovery_figure(results: Mapping[str, Any]) -> str:
    """Kaplan-Meier share of onsets after which the marker is back, by time; empty where no drift has an onset."""
    curves = results["recovery"]
    drifts = _drifts(results, curves)
    if not drifts:
        return ""
    style = control_styles(results)

    def paint(figure: Any) -> None:
        named: list = []
        for ax, drift in zip(draw.grid_of(figure, len(drifts), 1)[:, 0], drifts):
            ends = []
            mine = [curve for curve in curves if curve["drift"] == drift]
            watched = max(curve["watched"] for curve in mine)
            for curve in mine:
                y = 100 * (1 - np.concatenate([[1.0], draw.numbers(curve["away"])]))
                # where all are back there is nothing left to be watched, and the line goes on
                end = watched if y[-1] > 100 - 1e-6 else curve["watched"]
                x = np.concatenate([[0.0], draw.numbers(curve["seconds"]), [end]])
                line = style[curve["arm"]]
                ax.step(x, np.append(y, y[-1]), where="post", **line)
                ends.append((float(y[-1]), _title(results, curve["arm"]), line))
            ax.axhline(50, color="#999999", linewidth=0.8, linestyle=":")
            ax.set_ylim(-3, 103)
            # room for lines along the edge: what is back at once is not hidden by the axis
            ax.set_xlim(-0.01 * watched, watched if watched > 0 else 1.0)
            ax.set_title(WHERE[drift])
            ax.set_xlabel("time since the onset, s")
            ax.set_ylabel("back within 10 %, % of onsets")
            named.append((ax, ends))
        for ax, ends in named:
            draw.label_lines(ax, ends)

    return draw.svg("control-recovery", _size(len(drifts)), paint, "Share of onsets after which the symptom is back")


def learning_svg(trainings: Sequence[Mapping[str, Any]]) -> str:
    """:func:`learning_figure` as a file of its own."""
    drawing = learning_figure(trainings)
    return drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def learning_figure(trainings: Sequence[Mapping[str, Any]]) -> str:
    """Return over environment steps, thin for each training seed and thick for the running mean of their mean over a
    twentieth of the training, one colour per algorithm.

    Each of ``trainings``: algorithm, steps, and curves: name to lists (n_seeds, n_updates)."""
    shown = [t for t in trainings if t["curves"].get("return") or t["curves"].get("reward")]
    if not shown:
        return ""

    def paint(figure: Any) -> None:
        keys = [k for k in ("return", "reward", "dose", "cost") if any(t["curves"].get(k) for t in shown)][:2]
        named: list = []
        for ax, key in zip(draw.grid_of(figure, 1, len(keys))[0], keys):
            ends = []
            for n, training in enumerate(shown):
                colour = draw.PALETTE[n % len(draw.PALETTE)]
                curves = np.array([draw.numbers(c) for c in training["curves"].get(key, [])])
                if not curves.size or not np.isfinite(curves).any():
                    continue
                steps = np.array(training["steps"], float) / 1e6
                for curve in curves:
                    known = np.isfinite(curve)
                    ax.plot(steps[known], curve[known], color=colour, linewidth=0.5, alpha=0.25)
                count = np.isfinite(curves).sum(0)
                known = count > 0
                mean = np.nansum(curves, axis=0)[known] / count[known]
                wide = max(len(mean) // SMOOTHED_BY, 1)
                mean = np.convolve(mean, np.ones(wide), "same") / np.convolve(np.ones(len(mean)), np.ones(wide), "same")
                ax.plot(steps[known], mean, color=colour, linewidth=2)
                ends.append(
                    (
                        float(mean[-1]),
                        f"{training['algorithm']} ({len(curves)} seed{'s' if len(curves) > 1 else ''})",
                        {"color": colour},
                    )
                )
            ax.set_xlabel("environment steps of a seed, millions")
            ax.set_ylabel({"return": "return of an episode", "reward": "reward of a step"}.get(key, key))
            ax.set_xlim(left=0)
            named.append((ax, ends))
        for ax, ends in named:
            draw.label_lines(ax, ends)

    return draw.svg("learning", (WIDTH, 3.6), paint, "Learning curves, every training seed")
