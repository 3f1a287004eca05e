"""The sources of brain activity by name, each made with sensible defaults."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from ..errors import unknown
from .brian import BasalGanglia, BrunelNetwork, CorticalColumn, SpikingColumn
from .ensembles import ensemble, rhythm
from .entry import InformationalLesion, round_robin
from .intracortical import Intracortical
from .models import (
    bonhoeffer_van_der_pol,
    eirs,
    epileptor,
    hindmarsh_rose,
    kuramoto,
    ott_antonsen,
    stn_gpe,
    stuart_landau,
    thalamocortical,
    wendling,
    wilson_cowan,
)
from .models.jansen_rit import JansenRit
from .motor_imagery import MotorImagery
from .neural_mass import NeuralMass
from .replay import Replay


class SourceSpec(NamedTuple):
    """summary; make(preset, **options) -> source, options those of :meth:`NeuralMass.create` unless the summary or its
    package (Brian2) says otherwise; presets: names of the regimes it comes in, the default first."""

    summary: str
    make: Callable[..., Any]
    presets: tuple[str, ...] = ("default",)


def _wendling(preset: str, **options: Any) -> NeuralMass:
    return NeuralMass.create(wendling.Wendling.create(preset), **{"mean": wendling.MEANS[preset], **options})


def _wilson_cowan(preset: str, **options: Any) -> NeuralMass:
    moment, mean = wilson_cowan.SCALES[preset]
    model = wilson_cowan.WilsonCowan.create(preset)
    return NeuralMass.create(model, **{"moment": moment, "mean": mean, **options})


def _stn_gpe(preset: str, pulses: bool = False, **options: Any) -> NeuralMass:
    coupling = stn_gpe.PER_AMPERE_OF_PULSES if pulses else stn_gpe.StnGpe.STIM_PER_AMPERE
    shape = options.get("n_nodes", 1), options.get("n_stim", 1)
    entry = InformationalLesion.create(coupling * round_robin(*shape))
    return NeuralMass.create(
        stn_gpe.StnGpe.create(preset), **{"entry": entry, "mean": stn_gpe.MEANS[preset], **options}
    )


SOURCES: dict[str, SourceSpec] = {
    "motor_imagery": SourceSpec(
        "a person imagining hand movements: mu and beta rhythms that desynchronise; options of MotorImagery.sample, and"
        " seed",
        lambda preset, seed=0, **options: MotorImagery.sample(jax.random.key(seed), **options),
    ),
    "replay": SourceSpec(
        "a recording played back, trial by trial; arguments of Replay.create",
        lambda preset, **arguments: Replay.create(**arguments),
    ),
    "jansen_rit": SourceSpec(
        "cortical column of three populations, alpha rhythm (Jansen & Rit 1995)",
        lambda preset, **options: NeuralMass.create(JansenRit.create(), **options),
        ("alpha",),
    ),
    "wendling": SourceSpec(
        "hippocampus with slow and fast inhibition, from background to seizure (Wendling et al. 2002, 2005)",
        _wendling,
        tuple(wendling.PRESETS),
    ),
    "wilson_cowan": SourceSpec(
        "an excitatory and an inhibitory population: beta, gamma, tremor (Wilson & Cowan 1972)",
        _wilson_cowan,
        tuple(wilson_cowan.PRESETS),
    ),
    "stn_gpe": SourceSpec(
        "subthalamic nucleus and pallidum, Parkinsonian beta under deep brain stimulation (Nevado-Holgado et al. 2010);"
        " pulses=True where the current is a train of pulses rather than held",
        _stn_gpe,
        tuple(stn_gpe.PRESETS),
    ),
    "epileptor": SourceSpec(
        "seizures that begin and end by themselves; nodes are wired by permittivity (Jirsa et al. 2014)",
        lambda preset, **options: NeuralMass.create(epileptor.Epileptor.create(preset), **options),
        tuple(epileptor.PRESETS),
    ),
    "thalamocortical": SourceSpec(
        "sleep: K-complexes and spindles, slow oscillations, clicks (Schellenberger Costa et al. 2016)",
        lambda preset, **options: NeuralMass.create(thalamocortical.Thalamocortical.create(preset), **options),
        tuple(thalamocortical.PRESETS),
    ),
    "eirs": SourceSpec(
        "corticothalamic loop: waking and eyes-closed alpha, spindles, propofol (Robinson et al. 2002)",
        lambda preset, **options: NeuralMass.create(eirs.Eirs.create(preset), **options),
        tuple(eirs.PRESETS),
    ),
    "stuart_landau": SourceSpec(
        "normal form of a rhythm: resting alpha, bursting beta that stimulation damps, a limit cycle",
        rhythm,
        tuple(stuart_landau.PRESETS),
    ),
    "kuramoto": SourceSpec(
        "ensemble of phase oscillators, each ensemble one source; options as for sim.sources.ensembles.ensemble",
        functools.partial(ensemble, "kuramoto"),
        tuple(kuramoto.PRESETS),
    ),
    "ott_antonsen": SourceSpec(
        "order parameter of infinitely many phase oscillators (Ott & Antonsen 2008)",
        lambda preset, **options: NeuralMass.create(ott_antonsen.OttAntonsen.create(preset), **options),
        tuple(ott_antonsen.PRESETS),
    ),
    "bonhoeffer_van_der_pol": SourceSpec(
        "ensemble of relaxation oscillators for desynchronisation (Krylov et al. 2020); options as for kuramoto",
        functools.partial(ensemble, "bonhoeffer_van_der_pol"),
        tuple(bonhoeffer_van_der_pol.PRESETS),
    ),
    "hindmarsh_rose": SourceSpec(
        "ensemble of bursting neurons (Hindmarsh & Rose 1984, Krylov et al. 2020); options as for kuramoto",
        functools.partial(ensemble, "hindmarsh_rose"),
        tuple(hindmarsh_rose.PRESETS),
    ),
    "intracortical": SourceSpec(
        "motor cortical units tuned to an intended reach; options those of Intracortical.sample, and seed",
        lambda preset, seed=0, **options: Intracortical.sample(jax.random.key(seed), **options),
    ),
    "spiking_column": SourceSpec(
        "100 adaptive integrate-and-fire cells (Brian2); options of SpikingColumn.create",
        lambda preset, **options: SpikingColumn.create(**options),
    ),
    "brunel": SourceSpec(
        "random network of integrate-and-fire cells in the regimes of Brunel 2000 (Brian2)",
        lambda preset, **options: BrunelNetwork.create(preset, **options),
        ("C", "A", "B", "D"),
    ),
    "basal_ganglia": SourceSpec(
        "thalamus, subthalamic nucleus and pallidum under deep brain stimulation, with the thalamus's errors"
        " (So, Kent & Grill 2012; Brian2)",
        lambda preset, **options: BasalGanglia.create(**options),
    ),
    "cortical_column": SourceSpec(
        "500 excitatory and inhibitory cells in gamma (Brian2)",
        lambda preset, **options: CorticalColumn.create(**options),
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
