"""The figures of a risk report: courses over labelled trials, and people one by one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..report.draw import FROZEN, ORACLE, PALETTE, Draw, numbers, svg
from .infos import ARMS

MAX_PANELS = 4
DODGE = 0.05
"""Between neighbouring arms, in budgets."""
Drawing = tuple[tuple[float, float], Draw]


def style(arm: str, arms: list[str]) -> dict[str, Any]:
    """How an arm is drawn: the bounds stand apart; beside a task's own arm the others keep their colours."""
    others = sorted((name for name in arms if name not in ("frozen", "oracle")), key=lambda name: name not in ARMS)
    known = {"frozen": FROZEN, "oracle": ORACLE}.get(arm)
    return dict(known) if known else {"color": PALETTE[others.index(arm) % len(PALETTE)], "linewidth": 1.6}


def courses(risk: Mapping[str, Any], key: str, budget_unit: str) -> str:
    """Measure and gain by labelled trials as an inline drawing."""
    size, draw = courses_drawing(risk, budget_unit)
    return svg(f"courses-{key}", size, draw, "Accuracy and gain by labelled trials")


def courses_drawing(risk: Mapping[str, Any], budget_unit: str) -> Drawing:
    """Inches, and what draws measure and gain on a figure of that size."""

    def draw(canvas: Any) -> None:
        left, right = canvas.subplots(1, 2)
        canvas.subplots_adjust(left=0.06, right=0.87, top=0.92, bottom=0.14, wspace=0.22)
        arms, budgets = list(risk["arms"]), list(risk["budgets"])
        labelled = [i for i, budget in enumerate(budgets) if budget > 0]
        for k, arm in enumerate(arms):
            rows = [row for row in risk["rows"] if row["arm"] == arm]
            # beside one another: arms that are equal would hide each other
            at = np.arange(len(budgets)) + DODGE * (k - (len(arms) - 1) / 2)
            look = style(arm, arms)
            _line(left, at, rows, "value", 1.0, look, arm.replace("_", " "))
            if arm not in ("scratch", "oracle"):
                _line(right, at, rows, "gain", 100.0, look, None)
        right.axhline(0, color=style("scratch", arms)["color"] if "scratch" in arms else "#999999", linewidth=1.2)
        left.set_title(risk["measure_title"][:1].upper() + risk["measure_title"][1:])
        right.set_title("Gain over scratch, points")
        for ax, shown in ((left, range(len(budgets))), (right, labelled or range(len(budgets)))):
            ax.set_xticks(list(shown), [str(budgets[i]) for i in shown])
            ax.set_xlim(shown[0] - 0.3, shown[-1] + 0.3)
            ax.set_xlabel(budget_unit)
        canvas.legend(*left.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.88, 0.93))

    return (11.0, 3.6), draw


def _line(ax: Any, at: np.ndarray, rows: list, name: str, factor: float, look: Mapping[str, Any], label: Any) -> None:
    value, low, high = (factor * numbers([row.get(name + end) for row in rows]) for end in ("", "_lo", "_hi"))
    ax.plot(at, value, label=label, marker="o", markersize=3, **look)
    ax.vlines(at, low, high, color=look["color"], alpha=0.7, linewidth=1.1)


def people(risk: Mapping[str, Any], key: str, budget_unit: str) -> str:
    """Everybody through the arms as an inline drawing."""
    size, draw = people_drawing(risk, budget_unit)
    return svg(f"people-{key}", size, draw, "Each person by arm and budget")


def people_drawing(risk: Mapping[str, Any], budget_unit: str) -> Drawing:
    """Inches, and what draws a panel for each of the smallest budgets: a line per person, a box per arm."""
    labelled = [i for i, b in enumerate(risk["budgets"]) if b > 0] or [0]
    shown = labelled[:MAX_PANELS]
    width = max(4.0, 4.0 * len(shown))
    values = np.array([[numbers(arms) for arms in person] for person in risk["values"]])

    def draw(canvas: Any) -> None:
        axes = canvas.subplots(1, len(shown), squeeze=False, sharey=True)[0]
        canvas.subplots_adjust(left=0.6 / width, right=0.99, top=0.9, bottom=0.15, wspace=0.06)
        for ax, b in zip(axes, shown):
            answered = np.atleast_1d(np.isfinite(values[:, b]).any(axis=0))
            arms = [arm for arm, answers in zip(risk["arms"], answered) if answers]
            here = values[:, b, answered]
            both = {"scratch", "finetuned"} <= set(arms)
            worse = here[:, arms.index("finetuned")] < here[:, arms.index("scratch")] if both else np.zeros(len(here))
            for row, loses in zip(here, worse):
                ax.plot(range(len(arms)), row, color="#b00020" if loses else "#8a8a8a", alpha=0.55, linewidth=0.8)
            boxes = [column[np.isfinite(column)] for column in here.T]
            ax.boxplot(
                boxes, positions=range(len(arms)), widths=0.32, showfliers=False, medianprops={"color": "#D55E00"}
            )
            ax.set_xticks(range(len(arms)), [arm.replace("_", "\n") for arm in arms])
            ax.set_xlim(-0.5, len(arms) - 0.5)
            ax.set_title(f"{risk['budgets'][b]} {budget_unit}")
        axes[0].set_ylabel(risk["measure_title"])

    return (width, 3.2), draw
