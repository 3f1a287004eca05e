"""The sources of brain activity by name, each made with sensible defaults."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
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
    jansen_rit,
    kuramoto,
    ott_antonsen,
    stn_gpe,
    stuart_landau,
    thalamocortical,
    wendling,
    wilson_cowan,
)
from .motor_imagery import MotorImagery
from .neural_mass import NeuralMass
from .replay import Replay


class SourceSpec(NamedTuple):
    """summary; make(preset, **options) -> source, options those of :meth:`NeuralMass.create` and ``letters`` of the
    model unless the summary or its package (Brian2) says otherwise; presets: names of the regimes it comes in, the
    default first; pulses: make takes ``pulses=True`` where the stimulator gives pulses rather than a held current;
    builder: of its own plant, where it is not meant for :func:`neurodrift.sim.builders.brain_plant`; placed: make takes
    the head's ``radius`` and the ``depth`` below the scalp."""

    summary: str
    make: Callable[..., Any]
    presets: tuple[str, ...] = ("default",)
    pulses: bool = False
    builder: str | None = None
    placed: bool = True


def _mass(model: Any, **defaults: Any) -> Callable[..., NeuralMass]:
    """A maker of sources of ``model``; a default may be a dict by preset."""

    def make(preset: str, letters: Mapping[str, Any] | None = None, **options: Any) -> NeuralMass:
        chosen = {name: value[preset] if isinstance(value, dict) else value for name, value in defaults.items()}
        return NeuralMass.create(model.create(preset, **(letters or {})), **{**chosen, **options})

    return make


def _stn_gpe(preset: str, pulses: bool = False, entry: Any = None, **options: Any) -> NeuralMass:
    if entry is None:
        coupling = stn_gpe.PER_AMPERE_OF_PULSES if pulses else stn_gpe.StnGpe.STIM_PER_AMPERE
        shape = options.get("n_nodes", 1), options.get("n_stim", 1)
        entry = InformationalLesion.create(coupling * round_robin(*shape))
    return _mass(stn_gpe.StnGpe, mean=stn_gpe.MEANS)(preset, entry=entry, **options)


SOURCES: dict[str, SourceSpec] = {
    "motor_imagery": SourceSpec(
        "a person imagining hand movements: mu and beta rhythms that desynchronise; options of MotorImagery.sample, and"
        " seed",
        lambda preset, seed=0, **options: MotorImagery.sample(jax.random.key(seed), **options),
        builder="motor_imagery_plant",
    ),
    "replay": SourceSpec(
        "a recording played back, trial by trial; arguments of Replay.create",
        lambda preset, **arguments: Replay.create(**arguments),
        builder="replay_plant",
    ),
    "jansen_rit": SourceSpec(
        "cortical column of three populations, alpha rhythm (Jansen & Rit 1995)",
        _mass(jansen_rit.JansenRit),
        tuple(jansen_rit.PRESETS),
    ),
    "wendling": SourceSpec(
        "hippocampus with slow and fast inhibition, from background to seizure (Wendling et al. 2002, 2005)",
        _mass(wendling.Wendling, mean=wendling.MEANS),
        tuple(wendling.PRESETS),
    ),
    "wilson_cowan": SourceSpec(
        "an excitatory and an inhibitory population: beta, gamma, tremor (Wilson & Cowan 1972)",
        _mass(
            wilson_cowan.WilsonCowan,
            moment={name: scale[0] for name, scale in wilson_cowan.SCALES.items()},
            mean={name: scale[1] for name, scale in wilson_cowan.SCALES.items()},
        ),
        tuple(wilson_cowan.PRESETS),
    ),
    "stn_gpe": SourceSpec(
        "subthalamic nucleus and pallidum, Parkinsonian beta under deep brain stimulation (Nevado-Holgado et al. 2010);"
        " pulses=True where the current is a train of pulses rather than held",
        _stn_gpe,
        tuple(stn_gpe.PRESETS),
        pulses=True,
    ),
    "epileptor": SourceSpec(
        "seizures that begin and end by themselves; nodes are wired by permittivity (Jirsa et al. 2014)",
        _mass(epileptor.Epileptor),
        tuple(epileptor.PRESETS),
    ),
    "thalamocortical": SourceSpec(
        "sleep: K-complexes and spindles, slow oscillations, clicks (Schellenberger Costa et al. 2016)",
        _mass(thalamocortical.Thalamocortical),
        tuple(thalamocortical.PRESETS),
    ),
    "eirs": SourceSpec(
        "corticothalamic loop: waking and eyes-closed alpha, spindles, propofol (Robinson et al. 2002)",
        _mass(eirs.Eirs),
        tuple(eirs.PRESETS),
    ),
    "stuart_landau": SourceSpec(
        "normal form of a rhythm: resting alpha, bursting beta that stimulation damps, a limit cycle",
        rhythm,
        tuple(stuart_landau.PRESETS),
        pulses=True,
    ),
    "kuramoto": SourceSpec(
        "ensemble of phase oscillators, each ensemble one source; options as for sim.sources.ensembles.ensemble",
        functools.partial(ensemble, "kuramoto"),
        tuple(kuramoto.PRESETS),
    ),
    "ott_antonsen": SourceSpec(
        "order parameter of infinitely many phase oscillators (Ott & Antonsen 2008)",
        _mass(ott_antonsen.OttAntonsen),
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
        builder="neurodrift.sim.intracortical.intracortical_plant",
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
        placed=False,
    ),
    "cortical_column": SourceSpec(
        "500 excitatory and inhibitory cells in gamma (Brian2)",
        lambda preset, **options: CorticalColumn.create(**options),
    ),
}


def make_source(name: str, preset: str | None = None, **options: Any) -> Any:
    """The named source in the named regime, by default its first; InputError with a suggestion for unknown names."""
    spec = source_spec(name)
    if preset is not None and preset not in spec.presets:
        raise unknown(f"preset of source {name}", preset, spec.presets)
    try:
        return spec.make(preset or spec.presets[0], **options)
    except TypeError as error:
        # a mistyped option is the user's, any other TypeError ours
        option = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if option is None or option[1] not in options:
            raise
        known = {"letters", *inspect.signature(NeuralMass.create).parameters} - {"model"}
        raise unknown(f"option of source {name}", option[1], known) from None


def source_spec(name: str) -> SourceSpec:
    """The registry's entry; InputError with a suggestion for an unknown name."""
    if name not in SOURCES:
        raise unknown("source", name, SOURCES)
    return SOURCES[name]
