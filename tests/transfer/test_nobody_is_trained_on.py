"""No transfer trains on the people who are tested, and what is scored reaches neither training nor any scale.

Every recording is invented here and training replaced by notes of what it was given. Other rows of whom is tested, or
other scored rows alone, must leave those notes as they were.
"""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials
from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.lookup import get_scenario
from neurodrift.scenarios.transfer import depth, erp, new_user, seizure, sleep, species
from neurodrift.scenarios.transfer.arms import Source
from neurodrift.scenarios.transfer.depth_patients import BANDS, SENSORS, Patients
from neurodrift.scenarios.transfer.infos import ARMS
from neurodrift.scenarios.transfer.muse import Session
from neurodrift.scenarios.transfer.seizure_patients import N_FEATURES, Recorded
from neurodrift.scenarios.transfer.seizure_segments import N_GROUPS, Groups
from neurodrift.scenarios.transfer.sleep_nights import Night

LEFT_OUT = {"new_user, recorded": "S002", "sleep, recorded": "SC401"}


class Draw(NamedTuple):
    """tested: which rows the people who are tested have; scored: which ones of theirs are scored."""

    tested: int = 0
    scored: int = 0

    def known(self, who: int, shape: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng([1, who]).normal(size=shape)

    def new(self, who: int, shape: tuple[int, ...], scored: Any) -> np.ndarray:
        """Rows (shape) of which ``scored``, an index, are scored."""
        x = np.random.default_rng([2, who, self.tested]).normal(size=shape)
        x[scored] = np.random.default_rng([3, who, self.tested, self.scored]).normal(size=x[scored].shape)
        return x


@dataclasses.dataclass
class Notes:
    """What trained and scaled: source (people, held, scale); person (pool, test, scale); alone: static LDA's rows."""

    source: list[Any] = dataclasses.field(default_factory=list)
    person: list[Any] = dataclasses.field(default_factory=list)
    alone: list[Any] = dataclasses.field(default_factory=list)

    def labelled(self) -> Any:
        """What arms are given of who is tested: trials that may be labelled, and those that tell the scale."""
        return [(p.pool, p.scale) for p in self.person], self.alone

    def scored(self) -> Any:
        return [p.test for p in self.person]

    def fit_lda(self, x, y, weight, n_classes):
        self.alone.append((x, y))
        return {"w": np.zeros((n_classes, x.shape[1])), "b": np.zeros(n_classes)}

    def make_source(self, fitting, people, held, key, scale=None, variables=None):
        self.source.append((people, held, scale))
        return Source(None, None, jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), held))

    def run_arms(self, fitting, source, people, budgets, keys):
        self.person.append(people)
        (n, n_pool), n_test = people.pool.y.shape, people.test.y.shape[1]
        n_classes, n_held = fitting.decoder.n_classes, len(source.held.y)
        proba = np.full((n, len(budgets), len(ARMS), n_test, n_classes), 1 / n_classes)
        held = np.full((n, len(budgets), len(ARMS), n_held, n_classes), 1 / n_classes)
        return proba, held, np.zeros((n, len(budgets), 3, n_pool + n_test))


def trials(x: np.ndarray) -> Trials:
    """Windows x (n_trials, n_channels, n_times), of a class that goes with them."""
    return Trials(x.astype(np.float32), (x[:, 0, 0] > 0).astype(np.int32), np.ones(len(x), np.float32))


def stack(parts: list[Trials]) -> Trials:
    return jax.tree.map(lambda *a: np.stack(a), *parts)


# What is read or recorded, one function for each transfer -------------------------------------------------------------


def imagery(monkeypatch, draw):
    names = ("S001", "S002", "S003", "S004")

    def recorded(folder, name, decoder, start):
        who, shape = names.index(name), (45, 4, 8)
        late = slice(new_user.RECORDED_POOL, None)
        rows = draw.new(who, shape, late) if name == LEFT_OUT["new_user, recorded"] else draw.known(who, shape)
        return trials(rows), 80.0

    monkeypatch.setattr(new_user, "recorded_subjects", lambda folder: names)
    monkeypatch.setattr(new_user, "recorded", recorded)


def imagery_simulated(monkeypatch, draw):
    def record_people(decoder, n_trials, who, numbers, seed):
        shape, late = (n_trials, 4, 8), slice(new_user.POOL, None)
        if who == "source":
            return stack([trials(draw.known(int(i), shape)) for i in numbers])
        return stack([trials(draw.new(int(i), shape, late)) for i in numbers])

    monkeypatch.setattr(new_user, "record_people", record_people)


def nights(monkeypatch, draw):
    """Night two is scored."""

    def night(who, tested, which):
        number, late = 2 * who + which, slice(0 if which else 100, None)
        rows = draw.new(number, (100, 6), late) if tested else draw.known(number, (100, 6))
        return Night(rows, (np.abs(rows[:, 0]) * 2).astype(int) % 5)

    names = ("SC400", "SC401", "SC402", "SC403")
    tested = LEFT_OUT["sleep, recorded"]
    everybody = {name: tuple(night(i, name == tested, n) for n in (0, 1)) for i, name in enumerate(names)}
    monkeypatch.setattr(sleep, "everybody", lambda folder: everybody)


def nights_simulated(monkeypatch, draw):
    def night(rows):
        return Night(rows, (rows[:, 0] > 0).astype(int))

    def record_sleepers(recording, known, new, seed):
        shape = (recording.n_epochs, 6)
        late = slice(shape[0], None), slice(None)
        return (
            [tuple(night(draw.known(2 * int(i) + n, shape)) for n in (0, 1)) for i in known],
            [tuple(night(draw.new(2 * int(i) + n, shape, late[n])) for n in (0, 1)) for i in new],
        )

    monkeypatch.setattr(sleep, "record_sleepers", record_sleepers)


def day(rows):
    return Session(rows.astype(np.float32), (rows[:, 0, 0] > 0).astype(int))


def headband(monkeypatch, draw):
    """Days one and two of one person, and two runs of a day: the second of each is met."""
    monkeypatch.setattr(
        erp, "days",
        lambda folder, what: {"S1_D1": ("one",), "S1_D2": ("two",)} if what == "P300" else {"S1_D1": ("a", "b")},
    )  # fmt: skip

    def read(n, late):
        def session(second):
            return day(draw.new(0, (n, 4, 512), late) if second else draw.known(0, (n, 4, 512)))

        return session

    pictures, flicker = read(150, slice(erp.P300_POOL, None)), read(24, slice(erp.SSVEP_POOL, None))
    monkeypatch.setattr(erp, "joined", lambda files, band, span: pictures(files[0] == "two"))
    monkeypatch.setattr(erp, "read", lambda file, band, span: flicker(file == "b"))


def headband_simulated(monkeypatch, draw):
    def evoked_days(pictures, numbers, seed, n_trials, band, span):
        late = slice(erp.P300_POOL if pictures else erp.SSVEP_POOL, None)
        shape = (n_trials, 4, 512)
        return [(day(draw.known(int(i), shape)), day(draw.new(int(i), shape, late))) for i in numbers]

    monkeypatch.setattr(erp, "evoked_days", evoked_days)


def patients(monkeypatch, draw):
    pool = int(60 * seizure.SHORT.pool)

    def record(model, numbers, seed, minutes, held_out):
        shape, late = (int(60 * minutes), N_FEATURES + 2), slice(pool, None)
        rows = [draw.new(int(i), shape, late) if held_out else draw.known(int(i), shape) for i in numbers]
        x = np.stack(rows)
        return Recorded(x[..., :-2], x[..., -2] > 1, x[..., -1] > 1)

    monkeypatch.setattr(seizure, "record_patients", record)


def segments(monkeypatch, draw):
    """The second half of each group is scored."""
    patients(monkeypatch, draw)
    ictal = np.tile(np.arange(25) < 5, 2)
    x = np.stack([draw.new(100 + g, (50, 23, N_FEATURES), slice(25, None)) for g in range(N_GROUPS)])
    monkeypatch.setattr(seizure, "groups", lambda folder: Groups(x, ictal))


def animals(monkeypatch, draw):
    def recorded(name, numbers, seed, n_seconds):
        shape, late = (2, n_seconds, 256), (slice(None), slice(max(species.BUDGETS) // 2, None))
        return np.stack([draw.new(i, shape, late) if name == "human" else draw.known(i, shape) for i in numbers])

    monkeypatch.setattr(species, "recorded", recorded)


def depths(monkeypatch, draw):
    n_epochs = depth.COURSE * depth.COURSES

    def recorded(numbers, seed):
        assert len(set(numbers)) == len(numbers)  # nobody is known and new
        late = slice(depth.COURSE, None)
        rows = np.stack([
            draw.new(i, (n_epochs, len(SENSORS), len(BANDS) + 1), late) if i < depth.KNOWN
            else draw.known(i, (n_epochs, len(SENSORS), len(BANDS) + 1))
            for i in numbers
        ])  # fmt: skip
        x = {name: rows[:, :, s, :-1] for s, name in enumerate(SENSORS)}
        return Patients(x, rows[:, :, 0, -1], np.ones(rows.shape[:2], bool))

    monkeypatch.setattr(depth, "recorded", recorded)


TRANSFERS = {
    "new_user, recorded": (new_user, imagery), "new_user": (new_user, imagery_simulated),
    "sleep, recorded": (sleep, nights), "sleep": (sleep, nights_simulated),
    "erp, recorded": (erp, headband), "erp": (erp, headband_simulated),
    "seizure, recorded": (seizure, segments), "seizure": (seizure, patients),
    "species": (species, animals), "depth": (depth, depths),
}  # fmt: skip


def noted(which: str, draw: Draw) -> list[Notes]:
    """What each cell of a quick run trains on; of people who are left out one at a time, that of one."""
    (module, recording), name = TRANSFERS[which], f"transfer_{which.partition(',')[0]}"
    data = str(Path(__file__).parent) if "recorded" in which else None  # a folder that is there; what is read is drawn
    found = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        recording(monkeypatch, draw)
        scenario = get_scenario(name)
        config = make_config(name, INFOS[name], quick=True, seeds=1, data=data)
        cells = scenario.plan(config)
        if which in LEFT_OUT:
            cells = [cell for cell in cells if cell.subjects == (LEFT_OUT[which],)]
        for cell in cells:
            notes = Notes()
            monkeypatch.setattr(module, "make_source", notes.make_source)
            monkeypatch.setattr(module, "run_arms", notes.run_arms)
            monkeypatch.setattr(sleep, "fit_lda", notes.fit_lda)
            scenario.run_cell(config, cell, lambda _: None)
            found.append(notes)
    return found


def alike(one: Any, other: Any) -> bool:
    return jax.tree.all(jax.tree.map(lambda a, b: bool(np.array_equal(a, b)), one, other))


@pytest.mark.parametrize("which", TRANSFERS)
def test_who_is_tested_teaches_no_source_and_what_is_scored_teaches_nothing(which):
    first, others, later = (noted(which, draw) for draw in (Draw(), Draw(tested=1), Draw(scored=1)))
    assert first
    for one, other in zip(first, others, strict=True):
        assert one.source
        assert alike(one.source, other.source)
        assert not alike(one.labelled(), other.labelled())
    for one, other in zip(first, later, strict=True):
        assert alike(one.source, other.source)
        assert alike(one.labelled(), other.labelled())
        assert not alike(one.scored(), other.scored())
