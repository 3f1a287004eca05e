"""The sources of brain activity by name, each made with sensible defaults."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import unknown
from .models.jansen_rit import JansenRit
from .neural_mass import NeuralMass


class SourceSpec(NamedTuple):
    """summary; make(preset, **options) -> source, options those of :meth:`NeuralMass.create` unless the summary says
    otherwise; presets: names of the regimes it comes in, the default first."""

    summary: str
    make: Callable[..., Any]
    presets: tuple[str, ...] = ("default",)


SOURCES: dict[str, SourceSpec] = {
    "jansen_rit": SourceSpec(
        "cortical column of three populations, alpha rhythm (Jansen & Rit 1995)",
        lambda preset, **options: NeuralMass.create(JansenRit.create(), **options),
        ("alpha",),
    ),
}


def make_source(name: str, preset: str | None = None, **options: Any) -> Any:
    """The named source in the named regime, by default its first; InputError with a suggestion for unknown names."""
    if name not in SOURCES:
        raise unknown("source", name, SOURCES)
    spec = SOURCES[name]
    if preset is not None and preset not in spec.presets:
        raise unknown(f"preset of source {name}", preset, spec.presets)
    return spec.make(preset or spec.presets[0], **options)
