"""How the gallery's figures look."""

from typing import Any

BLUE, ORANGE, GREEN, RED, GREY = "#3b6fb6", "#d9822b", "#3a9b6b", "#c0392b", "#8a8f98"
PURPLE = "#7d5ba6"


def canvas(title: str, rows: int = 2, columns: int = 2, size: tuple[float, float] = (9.6, 6.2), **options: Any) -> Any:
    """(figure, axes (rows, columns)) in the house style, with ``title`` above."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold", x=0.01, ha="left")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for ax in axes.ravel():
        dress(ax)
    return figure, axes


def dress(ax: Any) -> None:
    """Light axes."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=9)
    ax.title.set_size(10)


def label(ax: Any, title: str, x: str, y: str) -> None:
    """Title and axis labels, with units."""
    ax.set_title(title, fontsize=10, loc="left")
    ax.set_xlabel(x, fontsize=9)
    ax.set_ylabel(y, fontsize=9)
