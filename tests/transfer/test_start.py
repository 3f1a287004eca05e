"""Runs that start from a checkpoint, what ``neurodrift pretrain`` refuses, and what the zoo holds."""

import dataclasses
import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom

from neurodrift.adaptation import registry
from neurodrift.adaptation.compression.file import save_int8
from neurodrift.adaptation.compression.int8 import quantise
from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.spd import covariance, inv_sqrtm, regularised
from neurodrift.adaptation.transfer import parts
from neurodrift.adaptation.transfer.card import Card, decoder_fields
from neurodrift.adaptation.transfer.checkpoint import load_checkpoint, read_card, save_checkpoint
from neurodrift.adaptation.transfer.zoo import ZOO, find_checkpoint, shipped, weights_of, zoo_path
from neurodrift.scenarios import pretraining, simulated, worth
from neurodrift.scenarios.catalogue import SCENARIOS
from neurodrift.scenarios.cli import pretrain_command
from neurodrift.scenarios.cli.main import main
from neurodrift.scenarios.cli.pretrain_command import command_line
from neurodrift.scenarios.config import command_line as run_line
from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.contract import RunConfig
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.lookup import get_scenario
from neurodrift.scenarios.starting import checkpoint_for
from neurodrift.scenarios.transfer import new_user
from neurodrift.sim.errors import InputError
from neurodrift.sim.head.montage import LAYOUTS


def checkpoint(folder, names=LAYOUTS["10-10-31"], name="eegnet", align=None, **facts):
    decoder = registry.decoder(name).make(len(names), 375, 2, 125.0)
    spec = registry.decoder(name)
    card = Card(**{
        "decoder": name, "fields": decoder_fields(decoder), "ch_names": tuple(names), "sfreq": 125.0, "n_times": 375,
        "class_names": ("left hand", "right hand"), "preprocessing": {"l_freq": spec.l_freq, "h_freq": spec.h_freq},
        "data": "none", "people": 1, "trials": 1, "strategy": {}, "licence": "CC0-1.0", "metrics": {}, **facts,
    })  # fmt: skip
    variables = decoder.init(jax.random.key(3))
    variables = variables if align is None else variables._replace(align=align)
    return str(save_checkpoint(folder / "net", variables, card)), decoder, variables


def configured(start, decoder="eegnet"):
    return make_config("mi_cap_shift", INFOS["mi_cap_shift"], decoder=decoder, start=start, quick=True)


def test_a_run_begins_with_the_weights_of_its_checkpoint(tmp_path):
    path, decoder, variables = checkpoint(tmp_path)
    scenario = SCENARIOS["mi_cap_shift"]
    setup = scenario._setup(configured(path))
    assert dataclasses.replace(setup.decoder, epochs=decoder.epochs) == decoder
    assert setup.decoder.epochs == 5  # quick
    found = simulated._pretrained(setup)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), found, variables))
    assert scenario.plan(configured(path))


def test_channels_of_another_cap_are_mapped_before_the_decoder(tmp_path):
    path, _, _ = checkpoint(tmp_path, ("C4", "C3", "POz"))
    setup = SCENARIOS["mi_cap_shift"]._setup(configured(path))
    raw = np.random.default_rng(0).normal(scale=1e-5, size=(31, 750)).astype(np.float32)
    found = setup.prepare(jnp.asarray(raw))
    whole = setup.preprocessing.apply(jnp.asarray(raw))
    names = LAYOUTS["10-10-31"]
    assert found.shape == (3, 375)
    np.testing.assert_allclose(found[:2], whole[jnp.asarray([names.index("C4"), names.index("C3")])], rtol=1e-5)
    assert setup.noise(4).x.shape == (4, 3, 375)


@pytest.mark.parametrize(
    ("facts", "decoder", "said"),
    [
        ({"preprocessing": {"l_freq": 8.0, "h_freq": 30.0}}, "eegnet", "the band"),
        ({"sfreq": 250.0}, "eegnet", "the rate"),
        ({}, "shallow", "give --decoder eegnet|--decoder eegnet"),
    ],
)
def test_a_checkpoint_for_other_windows_is_refused_before_anything_is_computed(tmp_path, facts, decoder, said):
    path, _, _ = checkpoint(tmp_path, **facts)
    with pytest.raises(InputError, match=said):
        SCENARIOS["mi_cap_shift"].plan(configured(path, decoder))


@pytest.mark.parametrize("name", ["net", "net.json", "net.safetensors"])
def test_a_start_is_called_by_any_of_its_names(name, tmp_path, monkeypatch):
    path, decoder, _ = checkpoint(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert checkpoint_for(name, "eegnet").decoder == decoder
    assert weights_of(str(tmp_path / name)) == Path(path)


@pytest.mark.parametrize("data", [None, "nowhere"])
def test_a_new_user_meets_a_checkpoint_of_the_decoder_that_is_run(tmp_path, data):
    path, _, _ = checkpoint(tmp_path)
    info, scenario = INFOS["transfer_new_user"], get_scenario("transfer_new_user")
    with pytest.raises(InputError, match="is of eegnet, the run decodes with tangent_lr: --decoder eegnet"):
        scenario.plan(make_config(info.name, info, start=path, data=data))
    if data is None:
        assert scenario.plan(make_config(info.name, info, start=path, decoder="eegnet"))


class Taken(Exception):
    """The variables that something starts from."""


def taken_by_pretrain(path, monkeypatch):
    people = Trials(jnp.zeros((2, 20, 31, 375)), jnp.zeros((2, 20), jnp.int32), jnp.ones((2, 20)))
    decoder = registry.decoder("eegnet").make(31, 375, 2, 125.0)
    monkeypatch.setattr(pretraining, "_virtual", lambda recipe, key: (people, people, decoder, {}))

    def train(*_, start, **__):
        raise Taken(start)

    monkeypatch.setattr(pretraining, "pretrain_with_history", train)
    pretraining.make_checkpoint(pretraining.Recipe(start=path))


def taken_by_a_new_user(path, monkeypatch):
    def source(*_, variables):
        raise Taken(variables)

    monkeypatch.setattr(new_user, "make_source", source)
    config = make_config("transfer_new_user", INFOS["transfer_new_user"], start=path, decoder="eegnet", quick=True)
    (cell,) = get_scenario("transfer_new_user").plan(config)[:1]
    people = Trials(jnp.zeros((2, 20, 31, 375)), jnp.zeros((2, 20), jnp.int32), jnp.ones((2, 20)))
    new_user.meet(None, people, 5, people, 10, (0,), config, cell, print)


def taken_by_a_drift(path, monkeypatch):
    raise Taken(simulated._pretrained(SCENARIOS["mi_cap_shift"]._setup(configured(path))))


@pytest.mark.parametrize("taken", [taken_by_pretrain, taken_by_a_new_user, taken_by_a_drift])
def test_a_start_leaves_the_alignment_of_its_own_user_behind(taken, tmp_path, monkeypatch):
    """Whoever goes on from a calibrated checkpoint aligns people themselves: its whitening would come on top."""
    whitening = jnp.eye(31) * 1e5 + 1e4
    path, _, variables = checkpoint(tmp_path, align=whitening)
    with pytest.raises(Taken) as found:
        taken(path, monkeypatch)
    (start,) = found.value.args
    np.testing.assert_array_equal(start.align, np.eye(31))
    assert start.align.dtype == variables.align.dtype
    jax.tree.map(np.testing.assert_array_equal, start._replace(align=variables.align), variables)
    np.testing.assert_array_equal(load_checkpoint(path).variables.align, whitening)  # which is its user's still


@pytest.mark.slow
def test_a_calibrated_checkpoint_still_decodes_strangers_where_it_is_a_start(tmp_path):
    """From the zoo, calibrated on one person, to others behind their own alignment: far from chance."""
    words = ["calibrate", "simulated:3", "--start", "eegnet-mi-virtual", "--trials", "10"]
    assert main([*words, "--out", str(tmp_path / "mine")]) == 0
    people = new_user.record_people("eegnet", 40, "user", jnp.arange(8), 0)
    found, kept = checkpoint_for(str(tmp_path / "mine"), "eegnet"), load_checkpoint(tmp_path / "mine")
    right = worth.accuracy_of(found.decoder, found.variables, people)
    by_hand = worth.accuracy_of(kept.decoder, kept.variables._replace(align=jnp.eye(31)), people)
    np.testing.assert_array_equal(right, by_hand)
    assert right.mean() > 100 * binom.ppf(0.999, 320, 0.5) / 320


def folder_of(path, *numbers):
    """A folder that is listed as EEGMMIDB's, of empty files."""
    for name in (f"S{n:03d}" for n in numbers):
        (path / name).mkdir(parents=True)
        for run in (4, 8, 12):
            (path / name / f"{name}R{run:02d}.edf").touch()
    return str(path)


@pytest.mark.parametrize(
    ("subjects", "said"),
    [
        (("S002", "S007"), "was trained on S002, who would be judged"),
        (None, "does not say whom it was trained on"),
        (("S007",), None),
        ((), None),
    ],
)
def test_a_new_user_is_not_met_by_a_checkpoint_that_was_trained_on_them(subjects, said, tmp_path):
    path, _, _ = checkpoint(tmp_path, subjects=subjects)
    info, scenario = INFOS["transfer_new_user"], get_scenario("transfer_new_user")
    data = folder_of(tmp_path / "people", 1, 2, 3)
    config = make_config(info.name, info, start=path, data=data, decoder="eegnet")
    if said is None:
        assert len(scenario.plan(config)) >= 3
        return
    with pytest.raises(InputError, match=said) as error:
        scenario.plan(config)
    assert "\n" not in str(error.value)


class _Recorded:
    """Recordings of the two hands, without signal: what is refused is refused before anything is filtered."""

    def __init__(self, subject):
        self.subject = subject


@pytest.mark.parametrize(
    ("subjects", "who", "said"),
    [
        (("S005",), ["S001", "S002", "S003", "S004", "S005R04"], "was trained on S005, who would be held out"),
        (None, ["S001", "S002", "S003"], "does not say whom"),
        ((), ["S001R04", "S001R08", "S003"], "has S001 more than once"),
        (("S001", "S002"), ["S001", "S002", "S003"], "prepared"),  # those trained on again may be known
    ],
)
def test_who_is_held_out_is_a_stranger_to_the_checkpoint_gone_on_from(subjects, who, said, tmp_path, monkeypatch):
    from neurodrift.scenarios import recorded_people

    path, _, _ = checkpoint(tmp_path, subjects=subjects)
    found = [_Recorded(name) for name in who]

    class Prepared(Exception):
        pass

    def prepared(*_):
        raise Prepared("prepared")

    monkeypatch.setattr(recorded_people, "_all_of", lambda data, events: found)
    monkeypatch.setattr(recorded_people, "_two_hands", lambda r: r)
    monkeypatch.setattr(recorded_people, "_usable", lambda r, wanted: r)
    monkeypatch.setattr(_Recorded, "crop", lambda self, *_: self, raising=False)
    monkeypatch.setattr(recorded_people, "prepared", prepared)
    with pytest.raises((InputError, Prepared), match=said):
        recorded_people.recorded_people(["x"], None, "eegnet", "net", load_checkpoint(path))


@pytest.mark.slow
def test_a_card_names_the_recorded_people_who_were_trained_on(tmp_path):
    who = ",".join(f"embedded:{name}" for name in ("eegmmidb-S007", "eegmmidb-S094", "p01"))
    assert main(["pretrain", "--decoder", "csp_lda", "--data", who, "--out", str(tmp_path / "net")]) == 0
    assert read_card(tmp_path / "net").subjects == ("S007", "S094")  # the last is held out


@pytest.mark.parametrize(("before", "after"), [(("S001", "S002"), ("S001", "S002", "S003")), (None, None)])
def test_who_was_trained_on_before_stays_on_the_card(before, after, tmp_path):
    path, _, _ = checkpoint(tmp_path, subjects=before, licence="ODC-By 1.0")
    found = read_card(path).gone_on("more", ("S002", "S003"), "MIT")
    assert found == {"data": "none; then more", "subjects": after, "licence": "ODC-By 1.0; and MIT"}
    again = dataclasses.replace(read_card(path), **found).gone_on("again", ("S003",), "MIT")
    assert (again["subjects"], again["licence"]) == (after, "ODC-By 1.0; and MIT")  # each but once


@pytest.mark.slow
def test_a_new_user_is_answered_by_the_checkpoint_that_the_run_starts_from(tmp_path):
    """The frozen arm is the checkpoint behind the mean scale of the source's people."""
    path, decoder, variables = checkpoint(tmp_path)
    info, scenario = INFOS["transfer_new_user"], get_scenario("transfer_new_user")
    config = make_config(info.name, info, start=path, decoder="eegnet", quick=True, subjects=2)
    (cell,) = scenario.plan(config)
    _, arrays = scenario.run_cell(config, cell, print)
    everybody = new_user.record_people("eegnet", 60, "source", jnp.arange(4), 0)
    users = new_user.record_people("eegnet", 120, "user", jnp.asarray([1, 2]), 0)
    mean = jnp.mean(jnp.stack([jnp.mean(jax.vmap(covariance)(x[:-20]), 0) for x in everybody.x]), 0)
    whitened = jnp.einsum("ij,ptjk->ptik", inv_sqrtm(regularised(mean)), users.x[:, 40:])
    wanted = jax.nn.softmax(jax.vmap(jax.vmap(lambda x: decoder.apply(variables, x)))(whitened))
    frozen = info.methods.index("frozen")
    np.testing.assert_allclose(arrays["outcome/probabilities"][:, 0, frozen], wanted, atol=5e-3)


def test_scenarios_that_pretrain_nothing_take_no_checkpoint():
    with pytest.raises(InputError, match="pretrains no network"):
        make_config("mi_replay_shift", INFOS["mi_replay_shift"], start="x")


def test_a_configuration_without_a_checkpoint_is_written_as_ever():
    plain = make_config("mi_cap_shift", INFOS["mi_cap_shift"])
    assert "start" not in plain.to_json()
    assert RunConfig.from_json(plain.to_json()) == plain
    begun = configured("a b")
    assert RunConfig.from_json(begun.to_json()) == begun
    assert begun.digest() != plain.digest()
    assert "--start 'a b'" in run_line(begun)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--decoder", "eegnut"], "did you mean 'eegnet'"),
        (["--strategy", "corall"], "did you mean 'coral'"),
        (["--people", "1"], "--people is 1: wanted 2 or more"),
        (["--epochs", "0"], "--epochs is 0"),
        (["--rate", "2"], "--rate is 2"),
        (["--weight", "-1"], "wanted a finite number"),
        (["--decoder", "csp_lda", "--strategy", "mmd"], "is for networks"),
        (["--strategy", "maml"], "goes on from a trained decoder: give one with --start"),
        (
            ["--strategy", "maml", "--start", "eegnet-mi-virtual", "--trials", "10"],
            "--trials is 10: --strategy maml wants 11 or more",
        ),
        (["--strategy", "supervised", "--weight", "1"], "supervised has no penalty"),
        (["--start", "eegnet-mi-virtuel"], "did you mean 'eegnet-mi-virtual'"),
        (["--start", "nosuch"], "the package has eegnet-mi-virtual"),
        (["--data", "embedded:eegmmidb-S007," * 3], "has S007 more than once"),
        (["--data", "nosuch.edf"], "no file nosuch.edf"),
        (["--data", ","], "',' names no recording: wanted one"),
        (["--data", ""], "'' names no recording: wanted one"),
        (["--zoo", "--people", "8", "--quick"], "leave out --people, --quick, or --zoo"),
        (["--zoo", "--seed", "1", "--json"], "leave out --seed, or --zoo"),
        (["--data", __file__], "start a trial? Give --events T1=left,T2=right"),
        (["--data", "embedded:eegmmidb-S007"], "names 1 recordings: wanted 3 or more"),
    ],
)
def test_what_cannot_be_pretrained_is_refused_in_one_line(words, said, tmp_path, capsys):
    assert main(["pretrain", *words, "--out", str(tmp_path / "net")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("short", [0, 1])
def test_recorded_people_of_too_few_trials_to_learn_from_are_refused(short, monkeypatch):
    """Trials that fill up are none; everybody counts, trained on or held out."""
    people = [Trials(jnp.zeros((2, 20, 31, 375)), jnp.zeros((2, 20), jnp.int32), jnp.ones((2, 20))) for _ in range(2)]
    people[short] = people[short]._replace(weight=people[short].weight.at[1, 10:].set(0.0))
    monkeypatch.setattr(pretraining, "recorded_people", lambda *_: (*people, None, {}))
    recipe = pretraining.Recipe(strategy="reptile", start="eegnet-mi-virtual", data=("x",))
    with pytest.raises(InputError, match="--data has somebody of 10 trials: --strategy reptile wants 11 or more"):
        pretraining.make_checkpoint(recipe)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maml", "anil", "reptile"])
def test_a_start_to_learn_from_is_trained_and_judged_after_its_steps(name, tmp_path, capsys):
    words = ["--strategy", name, "--start", "eegnet-mi-virtual", "--quick", "--trials", "11", "--people", "4"]
    assert main(["pretrain", *words, "--out", str(tmp_path / "net")]) == 0
    assert "accuracy after its steps on 10 labelled trials" in capsys.readouterr().out
    found, start = load_checkpoint(tmp_path / "net"), find_checkpoint("eegnet-mi-virtual")
    assert all(0 < found.card.metrics[name] <= 1 for name in ("accuracy", "accuracy_after_10"))
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), found.variables.params, start.variables.params)
    assert max(jax.tree.leaves(moved)) > 1e-4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.json", "net.safetensors"]


def test_the_command_of_a_card_makes_the_same_recipe_again():
    recipe = pretraining.Recipe(strategy="coral", weight=2.0, people=128, epochs=3, rate=0.003, seed=4)
    words = command_line(recipe).split()
    assert words[:2] == ["neurodrift", "pretrain"]
    for option, value in (
        ("--weight", "2"), ("--people", "128"), ("--epochs", "3"), ("--rate", "0.003"), ("--seed", "4"),
        ("--strategy", "coral"), ("--trials", "40"),
    ):  # fmt: skip
        assert words[words.index(option) + 1] == value


@pytest.mark.parametrize(
    ("words", "sizes", "note"),
    [
        (["--quick"], (4, 20, 2), "no result"),
        (["--quick", "--epochs", "6", "--trials", "30", "--people", "8"], (8, 30, 6), "no result"),
        (["--epochs", "6"], (64, 40, 6), ""),
    ],
)
def test_a_number_that_is_given_goes_before_quick(words, sizes, note, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(pretrain_command, "_make", lambda recipe, out, as_json: asked.append(recipe) or 0)
    assert main(["pretrain", *words, "--out", str(tmp_path / "net")]) == 0
    assert (asked[0].people, asked[0].trials, asked[0].epochs) == sizes
    assert asked[0].note.endswith(note)
    assert bool(asked[0].note) == bool(note)


def test_an_interrupted_pretraining_says_what_it_kept_and_goes_on(tmp_path, capsys, monkeypatch):
    words = ["pretrain", "--quick", "--people", "2", "--trials", "4", "--out", str(tmp_path / "net")]
    write = parts._write

    def interrupted(*given):
        write(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(parts, "_write", interrupted)
    assert main(words) == 130
    kept = next(tmp_path.glob("net.*.part.npz"))
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"neurodrift: interrupted; what was trained is in {kept}; the same command goes on from it"
    monkeypatch.setattr(parts, "_write", write)
    assert main(words) == 0
    told = capsys.readouterr()
    assert f"going on from {kept}" in told.err
    assert "made with --quick, to see it work: no result" in told.out
    assert "neurodrift run" not in told.out
    assert read_card(tmp_path / "net").note == "made with --quick, to see it work: no result"


@pytest.mark.slow
def test_accuracy_is_of_each_person_behind_their_own_alignment():
    decoder = registry.decoder("csp_lda").make(3, 50, 2, 100.0)
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(20) % 2, (2, 1))
    x = rng.standard_normal((2, 20, 3, 50))
    x[np.arange(2)[:, None], np.arange(20), y] *= 3.0
    people = Trials(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32), jnp.ones((2, 20)))
    one = jax.tree.map(lambda a: a[0], people)
    variables = decoder.fit(decoder.init(jax.random.key(0)), one, jax.random.key(0))
    louder = people._replace(x=people.x.at[1].multiply(100.0))  # alignment takes it out
    first, second = (worth.accuracy_of(decoder, variables, p) for p in (people, louder))
    np.testing.assert_allclose(first, second)
    assert first.min() > 80


def test_lists_and_the_how_to_have_the_accuracies_of_the_cards():
    page = (Path(__file__).parents[2] / "docs" / "howto" / "pretrain.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == set(ZOO)
    for name, summary in shipped().items():
        told = read_card(zoo_path(name)).metrics
        assert f"{100 * told['accuracy']:.1f} % right on people not trained on" in summary
        for value in (told[key] for key in ("accuracy", "accuracy_after_10") if key in told):
            assert f"{100 * value:.1f} %" in rows[name]


def test_a_card_keeps_fractions_and_only_numbers():
    nan = float("nan")
    rows = [worth.Worth("accuracy", nan, 75.0, 60.0, 90.0, "%"), worth.Worth("mmd", 1.0, 0.5, nan, nan, "")]
    rows.append(worth.Worth("accuracy_after_10", nan, nan, nan, nan, "%"))
    assert worth.metrics_of(rows) == {"accuracy": 0.75, "mmd": 0.5}


@pytest.mark.parametrize(
    ("right", "ends"),
    [
        ([50.0, 60.0, 70.0], (60 - 4.3027 * 10 / 3**0.5, 60 + 4.3027 * 10 / 3**0.5)),  # Student's t of 2 degrees
        ([60.0, 80.0], (0.0, 100.0)),  # of 1: 12.7062 standard errors of 10
    ],
)
def test_the_interval_over_few_people_is_students(right, ends, monkeypatch):
    monkeypatch.setattr(worth, "accuracy_of", lambda *_: np.asarray(right))
    (row,) = worth.worth_of(None, None, None, None, False)
    assert (row.lo, row.hi) == pytest.approx(ends, abs=1e-2)


def test_what_fills_people_up_is_not_measured(monkeypatch):
    monkeypatch.setattr(worth, "accuracy_of", lambda *_: np.asarray([50.0, 60.0, 70.0]))
    monkeypatch.setattr(worth, "features_of", lambda decoder, variables, people: people.x[:, :, 0])
    rng = np.random.default_rng(3)
    x, weight = rng.standard_normal((3, 12, 1, 5)).astype(np.float32), np.ones((3, 12), np.float32)
    weight[1, 8:] = 0.0

    def measured(fill):
        filled = np.where(weight[..., None, None] > 0, x, fill).astype(np.float32)
        people = Trials(jnp.asarray(filled), jnp.zeros((3, 12), jnp.int32), jnp.asarray(weight))
        return {row.name: row.after for row in worth.worth_of(None, None, None, people, True)}

    assert measured(0.0) == measured(9.0)
    assert measured(0.0)["mmd"] > 0


def test_every_checkpoint_of_the_zoo_is_small_says_what_it_is_and_loads():
    for name in shipped():
        found = find_checkpoint(name)
        assert weights_of(name).stat().st_size < 200_000
        recipe = pretraining.Recipe(**ZOO[name].recipe)
        assert found.card.command == command_line(recipe)  # of pretrain --zoo
        assert found.card.note == recipe.note
        assert not re.search(r"\d ?%|\d\.\d", recipe.note)  # a note is no measurement: the card made anew has its own
        assert found.card.subjects == ()
        assert found.card.licence
        assert 0.6 < found.card.metrics["accuracy"] < 1.0  # of people not trained on
    assert set(shipped()) == set(ZOO)
    with pytest.raises(InputError, match="did you mean"):
        zoo_path("eegnet-mi-virtuel")


@pytest.mark.slow
def test_virtual_people_differ_are_the_same_for_the_same_key_and_need_no_whole_chunks():
    from neurodrift.scenarios.people import Randomisation, VirtualPeople

    draw = jax.jit(lambda people, key: people(key))
    few = VirtualPeople.create("eegnet", 3, 4, chunk=2)
    found = draw(few, jax.random.key(0))
    assert found.x.shape == (3, 4, 31, 375)
    assert np.asarray(found.y.sum(1)).tolist() == [2, 2, 2]  # classes come in pairs
    np.testing.assert_array_equal(found.x, draw(few, jax.random.key(0)).x)
    rms = np.asarray(jnp.sqrt(jnp.mean(found.x**2, axis=(1, 2, 3))))
    assert len(set(rms.tolist())) == 3
    assert ((rms > 1e-6) & (rms < 1e-4)).all()
    plain = draw(dataclasses.replace(few, randomisation=Randomisation.none()), jax.random.key(0))
    assert not np.array_equal(plain.x, found.x)


@pytest.mark.slow
def test_the_command_trains_a_checkpoint_that_a_run_starts_from(tmp_path, capsys):
    assert main(["pretrain", "--quick", "--out", str(tmp_path / "net")]) == 0
    assert "accuracy of the frozen decoder" in capsys.readouterr().out
    words = ["mi_null", "--decoder", "eegnet", "--quick", "--subjects", "2", "--methods", "frozen"]
    assert main(["run", *words, "--start", str(tmp_path / "net"), "--out", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize("words", [["run", "mi_cap_shift", "--decoder", "eegnet", "--quick"], ["pretrain", "--quick"]])
def test_an_8_bit_file_is_no_start_and_says_so_in_one_line(words, tmp_path, capsys):
    net = EEGNet.create(2, 128, 2, 64.0, n_temporal=2, depth=1, n_separable=2)
    windows = jax.random.normal(jax.random.key(1), (4, 2, 128))
    save_int8(tmp_path / "int8.safetensors", *quantise(net, net.init(jax.random.key(0)), windows))
    assert main([*words, "--start", str(tmp_path / "int8"), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err.strip()
    assert "is an 8-bit decoder, of save_int8: wanted a checkpoint in floats" in told
    assert len(told.splitlines()) == 1


def test_a_checkpoint_is_written_over_only_if_that_is_asked_for_and_chance_is_said(tmp_path, capsys):
    words = ["pretrain", "--people", "2", "--trials", "4", "--epochs", "1", "--decoder", "csp_lda", "--seed", "5"]
    (tmp_path / "net.safetensors").write_bytes(b"earlier")
    assert main([*words, "--out", str(tmp_path / "net")]) == 2
    assert "net.safetensors is there already: name another with --out, or --overwrite it" in capsys.readouterr().err
    assert (tmp_path / "net.safetensors").read_bytes() == b"earlier"
    assert main([*words, "--out", str(tmp_path / "net"), "--overwrite"]) == 0
    assert "not shown to be better than chance (50 %)" in capsys.readouterr().out  # four trials of two people
    assert json.loads((tmp_path / "net.json").read_text())["seed"] == 5
