"""The figures of a report, each from ``results.json`` alone: recovery, severity, sessions, labels, drift."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import draw
from .text import displayed_unit, severity_label

WIDTH = 12.0  # inches; the page shows it about as wide as a laptop's screen
PANEL = 3.1


def _severities(items: Sequence[Mapping[str, Any]]) -> list[float | None]:
    return list(dict.fromkeys(item["severity"] for item in items))


def _where(results: Mapping[str, Any], severity: float | None, n: int) -> str:
    """Panel title; nothing where there is a single severity."""
    label = severity_label(severity, results.get("severity_unit", "")) if n > 1 else ""
    return f"{results.get('severity_name', '')} {label}".strip() if label else ""


def _size(n: int, panel: float = PANEL) -> tuple[float, float]:
    return (WIDTH, panel * -(-n // 2) + 0.1) if n > 1 else (WIDTH, 1.35 * panel)


def _title(results: Mapping[str, Any], method: str) -> str:
    return results["methods"][method]["title"]


def _banded(results: Mapping[str, Any], severity: float | None) -> set[str]:
    """Bands of a dozen methods are one grey mass: frozen, the oracle, and the best with and without labels."""
    rows = [row for row in results["table"] if row["severity"] == severity]
    out = {row["method"] for row in rows if row["role"] != "method"}
    for labelled in (False, True):
        some = [row for row in rows if row["role"] == "method" and bool(row["labels"]) == labelled]
        if some and results["complete"]:
            out.add(max(some, key=lambda row: row["accuracy_post_all"] or 0.0)["method"])
    return out


def recovery_curves(results: Mapping[str, Any]) -> str:
    """Accuracy around the onset of every method, a panel per severity."""
    groups = {s: [c for c in results["curves"] if c["severity"] == s] for s in _severities(results["curves"])}
    style = draw.styles(results)
    chance = results.get("chance")
    banded = {severity: _banded(results, severity) for severity in groups}

    def paint(figure: Any) -> None:
        named: list = []
        axes = draw.panels(figure, len(groups), min(len(groups), 2))
        shown = [100 * draw.numbers(c["mean"]) for c in results["curves"] if any(x is not None for x in c["mean"])]
        low = min((np.nanmin(mean) for mean in shown), default=0.0)
        high = max((np.nanmax(mean) for mean in shown), default=100.0)
        for ax, (severity, curves) in zip(axes, groups.items()):
            ax.set_ylim(max(low - 5, 0), min(high + 4, 101))
            ends = []
            for curve in curves:
                line = style[curve["method"]]
                trial, mean = np.array(curve["trial"]), 100 * draw.numbers(curve["mean"])
                ax.plot(trial, mean, **line)
                if curve["lo"] is not None and curve["method"] in banded[severity]:
                    lo, hi = 100 * draw.numbers(curve["lo"]), 100 * draw.numbers(curve["hi"])
                    ax.fill_between(trial, lo, hi, color=line["color"], alpha=0.14, linewidth=0)
                ends.append((float(mean[-1]), _title(results, curve["method"]), line))
            first = min(curve["trial"][0] for curve in curves)
            ax.set_xlim(first, max(curve["trial"][-1] for curve in curves))
            if first < 0:
                ax.axvline(0, color="#b00020", linewidth=1)
                where = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
                ax.annotate("onset", (0, 1), (3, -1), **where, fontsize=7, color="#b00020", va="top")
            if chance:
                ax.axhline(100 * chance, color="#999999", linewidth=0.8, linestyle=":")
            ax.set_title(_where(results, severity, len(groups)))
            ax.set_xlabel("trials since the onset" if first < 0 else "scored trials")
            ax.set_ylabel("accuracy, %")
            named.append((ax, ends))
        for ax, ends in named:
            draw.label_lines(ax, ends)

    alt = "Accuracy by trial around the onset of drift, all methods, one panel per severity"
    return draw.svg("curves", _size(len(groups)), paint, alt)


def severity_figure(results: Mapping[str, Any]) -> str:
    """Accuracy after the onset, and its gain over frozen, against severity; empty with a single severity."""
    rows = results["table"]
    severities = sorted({row["severity"] for row in rows if row["severity"] is not None})
    if len(severities) < 2:
        return ""
    style = draw.styles(results)
    factor, unit = displayed_unit(results.get("severity_unit", ""))
    step = min(np.diff(severities)) * factor

    def paint(figure: Any) -> None:
        named: list = []
        panels = (("accuracy_post", "accuracy at the end, %"), ("gain", "points over frozen, all trials after onset"))
        for ax, (key, label) in zip(draw.grid_of(figure, 1, 2)[0], panels):
            ends = []
            methods = [m for m in results["methods"] if key != "gain" or style[m] != draw.FROZEN]
            if key == "gain":
                ax.axhline(0, **draw.FROZEN)
                ends.append((0.0, "Frozen", draw.FROZEN))
            for i, method in enumerate(methods):
                mine = sorted((r for r in rows if r["method"] == method), key=lambda r: r["severity"])
                mine = [row for row in mine if row[key] is not None]
                if not mine:
                    continue
                value, lo, hi = (100 * draw.numbers([row[f"{key}{end}"] for row in mine]) for end in ("", "_lo", "_hi"))
                x = np.array([row["severity"] * factor for row in mine])
                x = x + step * 0.012 * (i - len(methods) / 2)
                line = style[method]
                ax.plot(x, value, **line, marker="o", markersize=3)
                ax.vlines(
                    x,
                    np.where(np.isnan(lo), value, lo),
                    np.where(np.isnan(hi), value, hi),
                    color=line["color"],
                    linewidth=0.8,
                    alpha=0.6,
                )
                ends.append((float(value[-1]), _title(results, method), line))
            if key == "accuracy_post" and results.get("chance"):
                ax.axhline(100 * results["chance"], color="#999999", linewidth=0.8, linestyle=":")
            ax.set_xticks([s * factor for s in severities])
            ax.set_xlabel(f"{results.get('severity_name', 'severity')}{f', {unit}' if unit else ''}")
            ax.set_ylabel(label)
            named.append((ax, ends))
        for ax, ends in named:
            draw.label_lines(ax, ends)

    return draw.svg("severity", (WIDTH, 4.3), paint, "Accuracy and gain over frozen against severity of the drift")


def recovered_share(results: Mapping[str, Any]) -> str:
    """Kaplan-Meier estimate of the share of streams recovered, by trials since the onset."""
    # of a single stream there is no share: its times are in the table
    found = [curve for curve in results["kaplan_meier"] if curve["n"] > 1]
    groups = {s: [c for c in found if c["severity"] == s] for s in _severities(found)}
    if not groups:
        return ""
    style = draw.styles(results)

    def paint(figure: Any) -> None:
        named: list = []
        for ax, (severity, curves) in zip(draw.panels(figure, len(groups), min(len(groups), 2)), groups.items()):
            ax.set_ylim(-2, 102)
            ends = []
            for curve in curves:
                x = np.append(draw.numbers(curve["trial"]), curve["watched"])
                y = 100 * (1 - draw.numbers(curve["unrecovered"]))
                line = style[curve["method"]]
                ax.step(x, np.append(y, y[-1]), where="post", **line)
                ends.append((float(y[-1]), _title(results, curve["method"]), line))
            ax.axhline(50, color="#999999", linewidth=0.8, linestyle=":")
            ax.set_xlim(0, max(curve["watched"] for curve in curves))
            ax.set_title(_where(results, severity, len(groups)))
            ax.set_xlabel("trials since the onset")
            ax.set_ylabel("recovered to 90 %, % of streams")
            named.append((ax, ends))
        for ax, ends in named:
            draw.label_lines(ax, ends)

    return draw.svg("recovered", _size(len(groups)), paint, "Share of streams recovered by trials since the onset")


def sessions_figure(results: Mapping[str, Any]) -> str:
    """Accuracy of every session (day) by method; empty where there is one session."""
    items = results["sessions"]
    if not items:
        return ""
    groups = {s: [item for item in items if item["severity"] == s] for s in _severities(items)}
    style = draw.styles(results)
    names = {item["session"]: item["name"] for item in items}
    counts = {item["session"]: item["n_trials"] for item in items}
    order = sorted(names)

    def paint(figure: Any) -> None:
        named: list = []
        columns = 1 if len(groups) == 1 else 2
        for ax, (severity, mine) in zip(draw.panels(figure, len(groups), columns), groups.items()):
            methods = [m for m in results["methods"] if any(item["method"] == m for item in mine)]
            ends = []
            for i, method in enumerate(methods):
                points = sorted((item for item in mine if item["method"] == method), key=lambda item: item["session"])
                shift = 0.4 * (i / max(len(methods) - 1, 1) - 0.5)
                x = np.array([order.index(item["session"]) for item in points]) + shift
                value, lo, hi = (
                    100 * draw.numbers([item[f"accuracy{end}"] for item in points]) for end in ("", "_lo", "_hi")
                )
                line = style[method]
                ax.plot(x, value, **line, marker="o", markersize=3.5)
                ax.vlines(x, lo, hi, color=line["color"], linewidth=0.8, alpha=0.5)
                ends.append((float(value[-1]), _title(results, method), line))
            if results.get("chance"):
                ax.axhline(100 * results["chance"], color="#999999", linewidth=0.8, linestyle=":")
            ax.set_xlim(-0.4, len(order) - 0.6)
            labels = [f"{names[s]}\n{counts[s]} trials" for s in order]
            ax.set_xticks(range(len(order)), labels, fontsize=7 if len(order) * columns <= 12 else 5.5)
            ax.set_title(_where(results, severity, len(groups)))
            ax.set_ylabel("accuracy, %")
            named.append((ax, ends))
        for ax, ends in named:
            draw.label_lines(ax, ends)

    return draw.svg("sessions", _size(len(groups), 3.4), paint, "Accuracy of every session by method")


def labels_figure(results: Mapping[str, Any]) -> str:
    """Accuracy over the 20 trials after k labels per class; empty where no method used labels."""
    curves = [
        curve
        for curve in results["label_curves"]
        if sum(point["accuracy"] is not None for point in curve["points"]) > 1
    ]
    groups = {s: [c for c in curves if c["severity"] == s] for s in _severities(curves)}
    if not groups:
        return ""
    style = draw.styles(results)
    ticks = [point["labels_per_class"] for point in curves[0]["points"]]

    def paint(figure: Any) -> None:
        named: list = []
        for ax, (severity, mine) in zip(draw.panels(figure, len(groups), min(len(groups), 2)), groups.items()):
            ends = []
            for curve in mine:
                known = [(i, point) for i, point in enumerate(curve["points"]) if point["accuracy"] is not None]
                x = [i for i, _ in known]
                value = 100 * draw.numbers([point["accuracy"] for _, point in known])
                line = style[curve["method"]]
                ax.plot(x, value, **line, marker="o", markersize=3)
                ends.append((float(value[-1]), _title(results, curve["method"]), line))
            ax.set_xlim(-0.2, len(ticks) - 0.8)
            ax.set_xticks(range(len(ticks)), [str(k) for k in ticks])
            ax.set_title(_where(results, severity, len(groups)))
            ax.set_xlabel("labels per class used since the onset")
            ax.set_ylabel("accuracy, next 20 trials, %")
            named.append((ax, ends))
        for ax, ends in named:
            draw.label_lines(ax, ends)

    return draw.svg("labels", _size(len(groups), 2.7), paint, "Accuracy by number of labels used since the onset")


def drift_figure(results: Mapping[str, Any]) -> str:
    """The true course of every drifting quantity, a panel each, one shade per severity."""
    tracks = results["drift"]
    if not tracks:
        return ""
    quantities = list(dict.fromkeys(track["quantity"] for track in tracks))
    severities = sorted({track["severity"] for track in tracks}, key=lambda s: (s is not None, s or 0.0))
    shade = np.linspace(1 if len(severities) > 1 else 4, len(draw.SEQUENCE) - 1, len(severities)).round().astype(int)
    unit_of_severity = results.get("severity_unit", "")
    columns = min(len(quantities), 3)
    rows = -(-len(quantities) // columns)

    def paint(figure: Any) -> None:
        grid = draw.grid_of(figure, rows, columns, right=0.2, sharex=True).ravel()
        for ax in grid[len(quantities) :]:
            ax.set_visible(False)
        for ax, quantity in zip(grid, quantities):
            mine = [track for track in tracks if track["quantity"] == quantity]
            factor, unit = displayed_unit(mine[0]["unit"])
            for severity, colour in zip(severities, shade):
                named = False
                for track in (t for t in mine if t["severity"] == severity):
                    mean, lo, hi = (factor * draw.numbers(track[key]) for key in ("mean", "lo", "hi"))
                    label = severity_label(severity, unit_of_severity) if not named else None
                    minor = track["component"] in ("lowest", "highest")
                    ax.plot(
                        track["trial"],
                        mean,
                        color=draw.SEQUENCE[colour],
                        label=label or None,
                        linewidth=0.7 if minor else 1.6,
                    )
                    if np.nanmax(hi - lo) > 0:
                        ax.fill_between(track["trial"], lo, hi, color=draw.SEQUENCE[colour], alpha=0.15, linewidth=0)
                    named = True
            ax.axvline(0, color="#b00020", linewidth=1)
            ax.set_title(quantity)
            ax.set_ylabel(unit)
            ax.set_xlabel("trials since the onset")
        if len(severities) > 1:
            grid[0].legend(fontsize=7)

    return draw.svg("drift", (WIDTH, 2.5 * rows + 0.3), paint, "True course of the drifting quantities")
