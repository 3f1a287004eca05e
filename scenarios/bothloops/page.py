"""The report of pd_decoded_adbs: the table as a heat map, what decoding has to do with control, the course of it."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ..report.draw import PALETTE, Draw, svg
from ..report.html import cells_state, figure, page, provenance, verdict_box
from .grid import CONTROLS, POLICIES
from .summary import MEASURES, POLICY_TITLES, interval

MAPS = (
    ("regret", "Regret", "YlOrRd", 2),
    ("symptom", "Excess beta, spikes/s", "YlOrRd", 2),
    ("high", "Time in the high state, %", "YlOrRd", 0),
    ("dose", "Energy, % of continuous", "Blues", 0),
    ("balanced_accuracy", "Balanced accuracy, %", "YlGn", 0),
)
MARKS = {"fixed": "o", "adaptive": "^", "oracle": "s"}


def report(results: Mapping[str, Any]) -> str:
    """The page as text, made from the results alone."""
    more = (
        f" · {len(results['subjects'])} people, seeds {', '.join(map(str, results['seeds']))}. Brackets: 95 % "
        "bootstrap interval over people, paired."
    )
    head = verdict_box(results, cells_state(results), more)
    sections: list[tuple[str, str, str, str]] = []
    if results["grid"]:
        sections = [
            ("grid", "Decoder times policy", figure(heat_maps(results), _GRID), "figure"),
            ("table", "Table", _table(results), "table"),
            ("decoding", "Better decoding, better control?", figure(scatter(results), _SCATTER), "figure"),
            ("course", "Over the session", figure(courses(results), _COURSE), "figure"),
        ]
    sections.append(("run", "How this was made", provenance(results), "text"))
    return page(results["title"], results["summary"], head, sections)


_GRID = (
    "Decoders down, policies across; below each number its 95 % bootstrap interval over people. Dark is worse, but for"
    " energy (more) and accuracy (better). Accuracy is that of the decoder in this loop: it depends on the policy,"
    " which decides what there is to decode."
)
_SCATTER = "Each mark is one person under one decoder (colour) and one policy (shape)."
_COURSE = (
    "Means over people of each stretch, hours of drift time from the onset. Off and random stimulation for comparison."
)


def heat_maps(results: Mapping[str, Any]) -> str:
    """The numbers of every decoder with every policy as an inline drawing."""
    size, draw = heat_map_drawing(results)
    return svg("decoded-grid", size, draw, "Decoder times policy as heat maps")


def heat_map_drawing(results: Mapping[str, Any]) -> tuple[tuple[float, float], Draw]:
    """Inches, and what draws the maps on a figure of that size: a row of maps for each severity."""
    severities = sorted({row["severity"] for row in results["grid"]})
    methods = list(results["methods"])
    size = (13.0, (0.62 * len(methods) + 1.0) * len(severities) + 0.2)

    def draw(canvas: Any) -> None:
        axes = canvas.subplots(len(severities), len(MAPS), squeeze=False)
        canvas.subplots_adjust(
            left=0.075, right=0.995, top=1 - 0.32 / size[1], bottom=0.4 / size[1], wspace=0.08, hspace=0.5
        )
        for row, severity in zip(axes, severities):
            here = {(r["decoder"], r["policy"]): r for r in results["grid"] if r["severity"] == severity}
            for n, (ax, (name, title, colours, digits)) in enumerate(zip(row, MAPS)):
                cells = [[here.get((m, p)) for p in POLICIES] for m in methods]
                values = np.array(
                    [[np.nan if c is None or c[name] is None else c[name] for c in line] for line in cells], float
                )
                everywhere = [r[name] for r in results["grid"] if r["policy"] in POLICIES and r[name] is not None]
                _heat(ax, values, colours, everywhere)
                for i, line in enumerate(cells):
                    for j, cell in enumerate(line):
                        if cell is not None and cell[name] is not None:
                            _numbers(ax, i, j, cell, name, digits)
                ax.set_title(f"{title}, drift {severity:g}" if n == 0 else title)
                ax.set_xticks(range(len(POLICIES)), POLICIES)
                ax.set_yticks(range(len(methods)), methods if n == 0 else [])
                ax.tick_params(length=0)
                if n == 0:
                    ax.set_ylabel("decoder")
                ax.set_xlabel("policy")
                ax.grid(False)
                for spine in ax.spines.values():
                    spine.set_visible(False)

    return size, draw


def _heat(ax: Any, values: np.ndarray, colours: str, everywhere: Sequence[float]) -> None:
    """One scale for a measure at all severities."""
    low, high = (min(everywhere), max(everywhere)) if everywhere else (0.0, 1.0)
    span = max(high - low, 1e-9)
    down, across = (np.arange(n + 1) - 0.5 for n in values.shape)
    # lighter than the colours go, so that the numbers can be read
    ax.pcolormesh(
        across, down, np.nan_to_num(values, nan=low), cmap=colours, vmin=low, vmax=low + 1.5 * span,
        edgecolors="white", linewidth=2,
    )  # fmt: skip
    ax.invert_yaxis()


def _numbers(ax: Any, i: int, j: int, cell: Mapping[str, Any], name: str, digits: int) -> None:
    low, high = cell[f"{name}_lo"], cell[f"{name}_hi"]
    ends = "" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"
    ax.text(j, i - 0.12, f"{cell[name]:.{digits}f}", ha="center", va="center", fontsize=9, fontweight="bold")
    ax.text(j, i + 0.22, ends, ha="center", va="center", fontsize=6.5)


def scatter(results: Mapping[str, Any]) -> str:
    """Regret against the decoder's balanced accuracy in the same loop."""
    severities = sorted({row["severity"] for row in results["grid"]})
    methods = [m for m in results["methods"] if m != "oracle"]

    def draw(canvas: Any) -> None:
        axes = canvas.subplots(1, len(severities), squeeze=False, sharey=True)[0]
        canvas.subplots_adjust(left=0.08, right=0.84, top=0.9, bottom=0.16, wspace=0.1)
        for ax, severity in zip(axes, severities):
            for n, method in enumerate(methods):
                for policy, mark in MARKS.items():
                    points = [
                        (p["accuracy"], p["regret"])
                        for p in results["points"]
                        if (p["severity"], p["decoder"], p["policy"]) == (severity, method, policy)
                        and None not in (p["accuracy"], p["regret"])
                    ]
                    if points:
                        label = f"{method}, {policy}" if ax is axes[-1] else None
                        ax.scatter(
                            *zip(*points), s=18, marker=mark, color=PALETTE[n], alpha=0.75, linewidth=0, label=label
                        )
            ax.axhline(0, color="#999999", linewidth=0.8)
            ax.set_title(f"drift {severity:g}")
            ax.set_xlabel("balanced accuracy of the decoder, %")
        axes[0].set_ylabel("regret")
        axes[-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=7)

    return svg("decoded-scatter", (10.0, 3.6), draw, "Regret against balanced accuracy")


def courses(results: Mapping[str, Any]) -> str:
    """Excess beta and dose over the session."""
    severities = sorted({row["severity"] for row in results["grid"]})
    methods = list(results["methods"])
    shown = [("off", methods[0]), ("shifted", methods[0]), ("fixed", "frozen")]
    shown += [("adaptive", m) for m in methods if m not in ("frozen", "oracle")] + [("oracle", "oracle")]

    def draw(canvas: Any) -> None:
        axes = canvas.subplots(len(severities), 2, squeeze=False, sharex=True)
        canvas.subplots_adjust(
            left=0.07, right=0.8, top=0.94, bottom=0.6 / (2.4 * len(severities)), wspace=0.18, hspace=0.35
        )
        for row, severity in zip(axes, severities):
            for ax, (name, title) in zip(row, (("symptom", "Excess beta, spikes/s"), ("dose", "Dose, relative"))):
                for n, (policy, method) in enumerate(shown):
                    for curve in results["curves"]:
                        if (curve["severity"], curve["decoder"], curve["policy"]) == (severity, method, policy):
                            who = POLICY_TITLES[policy] if policy in CONTROLS else f"{method}, {policy} policy"
                            ax.plot(curve["hours"], curve[name], color=PALETTE[n], linewidth=1.4, label=who)
                ax.axvline(0, color="#999999", linewidth=0.8)
                ax.set_title(f"{title}, drift {severity:g}")
        for ax in axes[-1]:
            ax.set_xlabel("hours from the onset")
        axes[0][-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=7)

    return svg("decoded-courses", (11.0, 2.4 * len(severities)), draw, "Excess beta and dose over the session")


def _table(results: Mapping[str, Any]) -> str:
    heads = "".join(f"<th>{escape(title)}</th>" for title in MEASURES.values())
    body: list[str] = []
    for severity in sorted({row["severity"] for row in results["grid"]}):
        body.append(f'<tr class="group"><th colspan="{len(MEASURES) + 1}">drift {severity:g}</th></tr>')
        for row in results["grid"]:
            if row["severity"] == severity:
                who = (
                    POLICY_TITLES[row["policy"]]
                    if row["policy"] in CONTROLS
                    else f"{row['decoder']} decoder, {row['policy']} policy"
                )
                body.append(f"<tr><td>{escape(who)}</td>{''.join(_cells(row))}</tr>")
    head = f"<thead><tr><th>arm</th>{heads}</tr></thead>"
    return f'<div class="scroll"><table>{head}<tbody>{"".join(body)}</tbody></table></div>'


def _cells(row: Mapping[str, Any]) -> Sequence[str]:
    digits = {"regret": 3, "reward": 3, "symptom": 2}
    return [f"<td>{escape(interval(row, name, digits.get(name, 1)))}</td>" for name in MEASURES]
