"""From the rat to the human: Parkinsonian beta of a slower loop, told from the medicated state by band powers."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.keys import stream_key
from ...sim.species import species as find_species
from ..contract import Cell, Notify, RunConfig
from ..own import Finished, cells_of, people, refuse_data
from .arms import Person, make_source, run_arms
from .feature_fitting import Settings
from .feature_trials import centred, in_turn
from .gain_words import tell_gains
from .infos import ARMS
from .outcome import Outcome
from .privacy import with_audit
from .scenario import Measured, Told
from .species_lead import band_powers, record_animals

BUDGETS = (0, 4, 10, 20, 40, 80)
SOURCE, HELD, TEST = 100, 20, 100
"""Seconds in each state: of a rat for training and held back from it, of a human for scoring."""
STRETCH = 10  # seconds: scored ones come in stretches of a state
HZ, RELATIVE = "rat to human, bands in Hz", "rat to human, bands in units of the species' beta"
KINDS = {"H": HZ, "R": RELATIVE}
NAMES = "medicated", "off"


FULL = Settings(source_epochs=200, tuned_epochs=6, scratch_rate=3e-2, tuned_rate=3e-2, start=1.0)
"""Chosen by ``benchmarks/choose_transfer.py species``."""
QUICK = FULL._replace(n_source=3, source_epochs=10, scratch_epochs=20, tuned_epochs=10)


@dataclasses.dataclass(frozen=True)
class Species:
    """Loops of rats train, humans are met: once with powers by frequency, once by frequency over the species' beta."""

    arms: tuple[str, ...] = ARMS
    budget_unit: str = "labelled seconds, half of them medicated"

    def plan(self, config: RunConfig) -> list[Cell]:
        refuse_data(config)
        return cells_of(config, *(tuple(f"{kind}{name[1:]}" for name in people(config)) for kind in KINDS))

    def run(self, config: RunConfig, cell: Cell, notify: Notify) -> Measured:
        settings, kind = (QUICK if config.quick else FULL), cell.subjects[0][0]
        numbers = np.array([int(name[1:]) for name in cell.subjects])
        notify("recording rats and humans")
        outcome = meet(settings, np.arange(settings.n_source), numbers, cell.seed, kind == "R", cell.subjects)
        return Measured(KINDS[kind], outcome)

    def tell(self, transfers: Mapping[str, Mapping[str, Any]], done: Finished) -> Told:
        told = [tell_gains(name, risk, (BUDGETS[1], BUDGETS[3]), "seconds") for name, risk in transfers.items()]
        sentences = [sentence for each in told for sentence in each]
        return Told(sentences[0] if sentences else "Nothing to compare was run.", sentences[1:], (), NOTES)


NOTES = (
    "The loop of Nevado-Holgado et al. (2010) with the delay of each species: the rat's beats at 32.1 Hz, the human's "
    "at 20.7. Medicated: a dose of .25 to .5 of full effect. Between animals the five Parkinsonian weights differ by "
    "5 %, the delay by 8 %, the size of the recording by 40 % (standard deviations of logarithms; assumed). A 1/f "
    "field of the tissue around the lead (14 uV rms in the rat, 25 uV in the human; assumed) makes a second hard to "
    "tell.",
    "Logarithms of the power of one second in 14 bands: of 3 Hz from 6 to 48 Hz, or of .09 of the species' beta "
    "frequency from .45 of it on. Beside the shift the second has finer bands for humans, "
    "1.9 Hz: what that is worth alone is the difference from scratch.",
    "Labelled seconds are off medication and medicated in turn; scored ones come in stretches of ten.",
    "Settings were chosen on other rats and other humans by `python benchmarks/choose_transfer.py species`, over both "
    "ways to write down frequency: the source's scale counts one second (aligned, with no label too, .654, .654, .652, "
    ".647, .640 with .3, 1, 3, 10, 30), the source is trained for 200 epochs (.625, .649, .654, .655 with 6, 20, 60, "
    "200, the greatest of its grid), from scratch at a rate of .03 (following the scale .872, "
    ".872, .875, .875, .870 with .001, .003, .01, .03, .1) for 200 epochs (.874, .874, .875, .871 with 20, 60, 200, "
    "600), fine-tuning at .03 (.695, .764, .861, .882, .882, .883, .874 with 1e-4, 3e-4, .001, .003, .01, .03, .1) for "
    "6 (.879, .884, .884, .883, .881 with 2, 6, 20, 60, 200).",
)


def meet(
    settings: Settings, rats: np.ndarray, humans: np.ndarray, seed: int, relative: bool, names: Sequence[str]
) -> Outcome:
    """Humans by number, called ``names``, by what the rats of these numbers teach."""
    powers = []
    for name, numbers, n in (
        ("rat", rats, SOURCE + HELD), ("human", humans, max(BUDGETS) // 2 + TEST),
    ):  # fmt: skip
        beta = find_species(name).beta_frequency if relative else None
        powers.append(band_powers(recorded(name, tuple(numbers.tolist()), seed, n), beta))
    scaled = centred(powers[0])
    known, new = (scaled(p) for p in powers)
    fitting = settings.fitting(known.shape[-1], len(NAMES))
    key = stream_key(stream_key(jax.random.key(0), "transfer_species", seed), "relative" if relative else "Hz")
    held = in_turn(known[:, :, SOURCE:])
    source = make_source(fitting, in_turn(known[:, :, :SOURCE]), held, key)
    n_pool = max(BUDGETS) // 2
    person = Person(pool=in_turn(new[:, :, :n_pool]), test=in_turn(new[:, :, n_pool:], STRETCH))
    keys = jax.vmap(lambda i: stream_key(key, "human", i))(jnp.asarray(humans))
    proba, on_source, told = run_arms(fitting, source, person, BUDGETS, keys)
    outcome = Outcome.create(names, BUDGETS, ARMS, proba, np.asarray(person.test.y))
    return with_audit(outcome.with_source(on_source, np.asarray(source.held.y)), told, person)


@functools.lru_cache(maxsize=2)
def recorded(name: str, numbers: tuple[int, ...], seed: int, n_seconds: int) -> np.ndarray:
    """Both ways to write down frequency see the same animals, so that cells of one run share them."""
    return record_animals(name, np.array(numbers), seed, n_seconds).v
