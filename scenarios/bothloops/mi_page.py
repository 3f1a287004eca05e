"""The report of mi_neurofeedback: accuracy and desynchronisation over the trials, and the table."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ..report.draw import PALETTE, svg
from ..report.html import cells_state, figure, page, provenance, verdict_box
from .mi_summary import FEEDBACK, MEASURES, interval

STYLES = {"contingent": "-", "sham": (0, (4, 2)), "none": (0, (1, 1.5))}


def report(results: Mapping[str, Any]) -> str:
    """The page as text, made from the results alone."""
    more = (
        f" · {len(results['subjects'])} people, seeds {', '.join(map(str, results['seeds']))}. Brackets: 95 % "
        "bootstrap interval over people, paired."
    )
    head = verdict_box(results, cells_state(results), more)
    sections: list[tuple[str, str, str, str]] = []
    if results["arms"]:
        caption = (
            "Means over people of 20 trials each; colour: decoder, line: feedback. The cap slips at the vertical line."
        )
        sections = [
            ("course", "Over the trials", figure(courses(results), caption), "figure"),
            ("table", "Table", _table(results), "table"),
        ]
    sections.append(("run", "How this was made", provenance(results), "text"))
    return page(results["title"], results["summary"], head, sections)


def courses(results: Mapping[str, Any]) -> str:
    """Accuracy and desynchronisation by trial, a row for each severity."""
    severities = sorted({row["severity"] for row in results["arms"]})
    height = 2.8 * len(severities)

    def draw(canvas: Any) -> None:
        axes = canvas.subplots(len(severities), 2, squeeze=False, sharex=True, sharey="col")
        edges = {"left": 0.06, "right": 0.83, "top": 1 - 0.3 / height, "bottom": 0.5 / height}
        canvas.subplots_adjust(**edges, wspace=0.18, hspace=0.3)
        for row, severity in zip(axes, severities):
            for ax, (name, title) in zip(row, (("accuracy", "Accuracy, %"), ("erd", "Desynchronisation, %"))):
                for n, method in enumerate(results["methods"]):
                    for feedback in FEEDBACK:
                        for c in results["curves"]:
                            if (c["severity"], c["decoder"], c["feedback"]) == (severity, method, feedback):
                                ax.plot(
                                    c["trial"], c[name], color=PALETTE[n], linestyle=STYLES[feedback], linewidth=1.4,
                                    label=f"{method}, {feedback}",
                                )  # fmt: skip
                ax.axvline(results["onset"], color="#999999", linewidth=0.8)
                ax.set_title(f"{title}, cap {severity:g} {results['severity_unit']} off")
        for ax in axes[-1]:
            ax.set_xlabel("trial")
        axes[0][-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=7)

    return svg("neurofeedback-courses", (11.5, height), draw, "Accuracy and desynchronisation over the trials")


def _table(results: Mapping[str, Any]) -> str:
    heads = "".join(f"<th>{escape(title)}</th>" for title in MEASURES.values())
    body: list[str] = []
    for severity in sorted({row["severity"] for row in results["arms"]}):
        title = f"cap {severity:g} {results['severity_unit']} off"
        body.append(f'<tr class="group"><th colspan="{len(MEASURES) + 1}">{escape(title)}</th></tr>')
        for row in results["arms"]:
            if row["severity"] == severity:
                cells = "".join(f"<td>{escape(interval(row, name))}</td>" for name in MEASURES)
                body.append(f"<tr><td>{escape(row['decoder'])}, {escape(row['feedback'])}</td>{cells}</tr>")
    head = f"<thead><tr><th>decoder, feedback</th>{heads}</tr></thead>"
    return f'<div class="scroll"><table>{head}<tbody>{"".join(body)}</tbody></table></div>'
