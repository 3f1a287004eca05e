"""What a scenario is to the runner: facts to list, a configuration, cells to plan and to run."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np

Notify = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScenarioInfo:
    """Plain facts about a scenario, importable without jax: what ``list`` shows and what a run defaults to.

    severities:       the default drift levels, in ``severity_unit``; 0 is no drift
    severity_limits:  lowest and highest level that makes sense, both allowed; None when any number does
    severity_levels:  only ``severities`` make sense, they are names rather than amounts
    methods, decoder: run by default; ``methods`` may name methods of the scenario's own
    decoders:         those that the scenario accepts
    unit:             what intervals are taken over, "subject" or "session"
    quick_*:          what ``--quick`` runs instead
    jobs:             processes by default, where the machine has as many cores
    budgets:          methods may be given a label budget, as in ``cft@10``
    pretrains:        networks are trained on other people first, so a run may start from a checkpoint instead
    """

    name: str
    title: str
    summary: str
    kind: Literal["simulated", "recorded", "closed"]
    severity_name: str
    severity_unit: str
    severities: tuple[float, ...]
    severity_limits: tuple[float, float] | None = None
    severity_levels: bool = False
    methods: tuple[str, ...]
    decoder: str
    decoders: tuple[str, ...]
    n_subjects: int
    n_seeds: int
    unit: Literal["subject", "session"] = "subject"
    reference: str = ""
    quick_severities: tuple[float, ...] | None = None
    quick_subjects: int = 6
    jobs: int = 1
    budgets: bool = False
    pretrains: bool = False


class Configuration(Protocol):
    """What a run's numbers depend on, apart from the code: equal configurations give equal results."""

    def to_json(self) -> dict[str, Any]: ...
    def digest(self) -> str: ...


class Work(Protocol):
    """One unit of work that is saved whole or not at all."""

    def to_json(self) -> dict[str, Any]: ...
    def label(self) -> str: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything a run's numbers depend on, apart from the code: two equal configurations give equal results.

    scenario:      its name, or ``module:attribute`` of a scenario of the user's own
    subjects:      how many subjects; seeds: how many repetitions of each
    data:          the recordings to use, in the scenario's own syntax; None for its default
    label_delay:   trials until a label is revealed; label_missing, label_noise: probabilities in [0, 1)
    quick:         the scenario may train shorter: a trial of the set-up, not a result
    start:         checkpoint that networks start from, a name of the zoo or a path; None: as the scenario pretrains
    """

    scenario: str
    methods: tuple[str, ...]
    decoder: str
    severities: tuple[float, ...]
    seeds: int
    subjects: int
    data: str | None = None
    label_delay: int = 0
    label_missing: float = 0.0
    label_noise: float = 0.0
    quick: bool = False
    start: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types; ``from_json`` gives back an equal configuration."""
        facts = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}
        if self.start is None:  # as runs were written before there were checkpoints
            del facts["start"]
        return facts

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "RunConfig":
        """The configuration that ``to_json`` wrote. TypeError when a field is missing or not known."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**fields)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON (sorted keys, shortest floats), as hex."""
        return digest(self.to_json())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One unit of work that is saved whole or not at all: some subjects at one severity and seed."""

    scenario: str
    severity: float
    subjects: tuple[str, ...]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {**dataclasses.asdict(self), "subjects": list(self.subjects)}

    def label(self) -> str:
        """A few words for progress lines and error messages."""
        first = self.subjects[0] if self.subjects else "no subject"
        more = f" +{len(self.subjects) - 1}" if len(self.subjects) > 1 else ""
        return f"severity {self.severity:g}, {first}{more}, seed {self.seed}"


class Scenario(Protocol):
    """An experiment: what to do, cell by cell. Plug-ins are objects with these members."""

    @property
    def info(self) -> ScenarioInfo: ...

    def plan(self, config: RunConfig) -> list[Cell]:
        """The cells of this configuration, always the same ones; InputError when its data can't be used."""
        ...

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], "dict[str, np.ndarray]"]:
        """(JSON-able facts, named arrays) of one cell: a function of (config, cell) alone.

        ``notify`` takes a few words on the step in hand. Cells run in any order and in other processes.
        """
        ...

    def timing(self, config: RunConfig) -> dict[str, Any]:
        """Predict and update times of each method, measured once, alone, after the cells."""
        ...


class OwnResults(Protocol):
    """A scenario whose results are no decoding accuracies: it makes its own of the cells, besides :class:`Scenario`.

    The results hold at least what ``neurodrift run`` shows: scenario, complete, cells_done, cells_planned, verdict
    {headline, sentences}, table (may be empty) and, for people, ``text``.
    """

    def results(
        self,
        config: RunConfig,
        cells: "Sequence[tuple[Mapping[str, Any], Mapping[str, np.ndarray]]]",
        planned: int,
        versions: Mapping[str, str],
        command: str,
    ) -> dict[str, Any]:
        """Strict JSON made of the finished cells' (facts, arrays), in any order."""
        ...

    def report(self, results: Mapping[str, Any]) -> str:
        """The page of these results: the same results give the same text."""
        ...


def digest(value: Any) -> str:
    """SHA-256, as hex, of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
