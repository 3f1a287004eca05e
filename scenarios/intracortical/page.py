"""The report of a scenario here: verdict, courses, and the table beside what was published."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ..report.draw import FROZEN, ORACLE, PALETTE, Draw, svg
from ..report.html import cells_state, figure, page, provenance, verdict_box
from .results import interval, published


def report(results: Mapping[str, Any]) -> str:
    """The page as text, made from the results alone."""
    more = f". Brackets: 95 % bootstrap interval over {escape(results['over'])}."
    head = verdict_box(results, cells_state(results), more)
    sections: list[tuple[str, str, str, str]] = []
    if results["rows"]:
        sections.append(("table", "Table", _table(results), "table"))
    if results["curves"]:
        sections.append(("course", results["axes"]["title"], figure(courses(results), _caption(results)), "figure"))
    sections.append(("run", "How this was made", provenance(results), "text"))
    return page(results["title"], results["summary"], head, sections)


def _caption(results: Mapping[str, Any]) -> str:
    return str(results["axes"].get("caption", ""))


def style(name: str, n: int) -> dict[str, Any]:
    """How the n-th line is drawn: the bounds stand apart."""
    return {"frozen": FROZEN, "oracle": ORACLE}.get(name) or {"color": PALETTE[n % len(PALETTE)], "linewidth": 1.6}


def courses(results: Mapping[str, Any]) -> str:
    """A line for each method, as an inline drawing."""
    return svg(f"{results['scenario']}-courses", *courses_drawing(results), results["axes"]["title"])


def courses_drawing(results: Mapping[str, Any]) -> tuple[tuple[float, float], Draw]:
    """Inches, and what draws the lines on a figure of that size."""
    axes = results["axes"]

    def draw(canvas: Any) -> None:
        ax = canvas.subplots()
        canvas.subplots_adjust(left=0.08, right=0.82, top=0.95, bottom=0.14)
        names = [c["name"] for c in results["curves"]]
        coloured = [name for name in names if name not in ("frozen", "oracle")]
        for c in results["curves"]:
            n = coloured.index(c["name"]) if c["name"] in coloured else 0
            ax.plot(c["x"], c["y"], label=c["name"], **style(c["name"], n))
        if axes.get("log"):
            ax.set_yscale("log")
            ticks = [t for t in (1, 1.5, 2, 3, 5, 7, 10) if t >= 1]
            ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
            ax.minorticks_off()
        if axes.get("floor") is not None:
            ax.set_ylim(bottom=axes["floor"])
        ax.set_xlabel(axes["x"])
        ax.set_ylabel(axes["y"])
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))

    return (9.0, 4.0), draw


def _table(results: Mapping[str, Any]) -> str:
    columns = results["columns"]
    heads = "".join(f"<th>{escape(title)}</th><th>published</th>" for title in columns.values())
    body = "".join(
        f"<tr><td>{escape(r['name'])}</td>"
        + "".join(f"<td>{escape(interval(r, k))}</td><td>{escape(published(r, k))}</td>" for k in columns)
        + "</tr>"
        for r in results["rows"]
    )
    return f'<div class="scroll"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
