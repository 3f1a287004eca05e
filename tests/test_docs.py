"""What the documentation says can be done: its commands parse, its marked blocks run, its links lead somewhere."""

import importlib.util
import re
import runpy
import shlex
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from neurodrift.scenarios.check import check_component
from neurodrift.scenarios.cli import main as command_line
from neurodrift.scenarios.cli.parsing import parse
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.tables import build_results

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^<!-- (ci|test): ([\w.]+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _marked(kind: str) -> dict[str, str]:
    found = [match for page in PAGES for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]
    return {match[2]: match[3] for match in found if match[1] == kind}


def _commands() -> list[str]:
    """Every line of every bash block that calls neurodrift."""
    out = [(ROOT / "docs/results/tutorial_command.txt").read_text(encoding="utf-8")]
    for page in PAGES:
        for block in re.findall(r"^```bash\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            out += [line for line in block.splitlines() if line.startswith("neurodrift ")]
    return list(dict.fromkeys(shlex.join(shlex.split(line, comments=True)) for line in out))


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """The marked blocks as files in a folder that can be imported from."""
    folder = tmp_path_factory.mktemp("examples")
    for name, code in _marked("test").items():
        (folder / name).write_text(code, encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in _marked("test"):
        sys.modules.pop(name.removesuffix(".py"), None)


def _load(path: Path):
    """The script as a module; its own folder can be imported from, as when Python runs it."""
    sys.path.insert(0, str(path.parent))
    try:
        return _execute(path)
    finally:
        sys.path.remove(str(path.parent))


def _execute(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _kept(component) -> tuple[str, list[str]]:
    kind, results = check_component(component)
    return kind, [f"{result.law}: {result.detail}" for result in results if result.passed is not True]


def test_readme_shows_exactly_two_commands_that_ci_may_run():
    blocks = _marked("ci")
    assert sorted(blocks) == ["run", "test"]
    assert all(len(code.splitlines()) == 1 for code in blocks.values())
    assert blocks["run"].endswith("neurodrift run mi_cap_shift\n")
    assert ".venv/bin/pytest" in blocks["test"]


@pytest.mark.parametrize("command", _commands())
def test_every_command_in_the_documentation_parses(command, capsys):
    name, *rest = shlex.split(command)[1:]
    assert name in command_line.COMMANDS
    module = importlib.import_module(f"neurodrift.scenarios.cli.{name}_command")
    options = parse(module.Options, f"neurodrift {name}", rest)
    assert not isinstance(options, int), capsys.readouterr().err
    if name == "run":
        assert options.scenario in INFOS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_adapter_of_the_how_to_keeps_every_law(examples):
    assert _kept(_load(examples / "my_adapter.py").adapter) == ("adapter", [])


def test_the_adapter_of_the_how_to_undoes_a_change_of_gain(examples):
    import jax.numpy as jnp

    from neurodrift.adaptation import Feedback, Trials, registry, with_alignment

    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(60, 4, 100)), jnp.float32)
    calibration = Trials(x, jnp.asarray(np.arange(60) % 2), jnp.ones(60))
    decoder = registry.decoder("csp_lda").make(4, 100, 2, 100.0)
    variables = with_alignment(decoder.init(jax.random.key(0)), calibration)
    adapter = _load(examples / "my_adapter.py").adapter
    state = adapter.init(decoder, variables, calibration, jax.random.key(1))
    gain = jnp.array([1.0, 2.0, 0.5, 4.0])[:, None]
    update = jax.jit(adapter.update)
    for window in jnp.tile(x, (2, 1, 1)):
        state = update(state, gain * window, Feedback(jnp.int32(0), jnp.bool_(False), window, jnp.bool_(False)))
    # The running mean over some twenty windows of a hundred samples knows a power to a few percent.
    np.testing.assert_allclose(state.variables.align @ jnp.diag(gain[:, 0]), variables.align, atol=0.1)


def test_the_method_of_the_how_to_is_ranked_and_mends_a_moved_cap(examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = runpy.run_path(str(examples / "rank_my_method.py"))
    gain = made["gain"]
    assert set(gain) == {"frozen", "my_method:method@none", "oracle"}
    assert made["results"]["complete"]
    # at 2 cm alignment wins a few points back from frozen, two people are two dozen errors
    assert gain["my_method:method@none"] > 0.0
    assert gain["oracle"] > 0.0


def test_the_drift_of_the_how_to_keeps_every_law_and_acts_on_the_plant(examples):
    kind, broken = _kept(_load(examples / "my_drift.py").Breathing)
    assert (kind, broken) == ("drift", [])
    used = runpy.run_path(str(examples / "drift_use.py"))
    epochs, plant = used["epochs"], used["plant"]
    seconds = np.asarray(epochs.seconds)
    expected = 5e3 + 20e3 * (0.5 - 0.5 * np.cos(2 * np.pi * seconds / 4.0))
    np.testing.assert_allclose(epochs.conditions.impedance[:, 3], expected, rtol=1e-4)
    assert epochs.x.shape == (4, 31, 750)
    assert plant.projection.montage.n_channels == 31
    shift = np.linalg.norm(np.asarray(epochs.conditions.cap_rotation), axis=-1) * 0.09
    np.testing.assert_allclose(shift, np.where(seconds >= 40.0, 0.02, 0.0), atol=1e-4)


def test_the_recording_of_the_how_to_is_there(examples):
    recording = runpy.run_path(str(examples / "embedded.py"))["recording"]
    assert recording.x.shape[:2] == (45, 64)


def test_the_spiking_loop_of_the_how_to_runs_and_goes_on_from_its_saved_state(examples):
    made = runpy.run_path(str(examples / "spiking_loop.py"))
    assert made["moments"].shape == (1, 50)
    assert made["saved"]["now"] == 4 * 50 * made["source"].substeps


@pytest.mark.slow
def test_the_policy_of_the_how_to_halves_beta_at_a_fraction_of_the_dose(examples):
    table = runpy.run_path(str(examples / "train_policy.py"))["table"]
    off, continuous, learned = (table[name] for name in ("off", "continuous", "learned"))
    assert off["dose"] == 0.0
    assert learned["beta"] < 0.6 * off["beta"]
    assert learned["dose"] < 0.3 * continuous["dose"]


def test_the_tremor_of_the_how_to_shrinks_at_its_peak_and_grows_at_its_trough(examples):
    made = runpy.run_path(str(examples / "phase_locked.py"))
    assert made["peak"] < 0.7 * made["none"]
    assert made["trough"] > 1.05 * made["none"]


@pytest.mark.parametrize("name", ["gym_env.py", "gym_vec.py"])
def test_the_environments_of_the_how_to_run(name, examples):
    made = runpy.run_path(str(examples / name))
    if name == "gym_env.py":
        assert made["truncated"]
        assert not made["terminated"]
        assert made["observation"].shape == (31 * 3,)
    else:
        assert made["observations"].shape == (4, 31, 250)


def test_the_task_of_the_how_to_is_drawn_shown_and_run(examples):
    made = runpy.run_path(str(examples / "control_tasks.py"))
    assert set(made["TASKS"]) >= {"pd_adbs_onoff", "pd_adbs_dual_drift", "sync_rl_suppress"}
    assert made["picture"].shape == (600, 800, 3)
    assert made["records"]["marker"].shape == (300,)
    # held-out ensembles are coupled more strongly, and are as synchronous as the nominal one or more
    assert 0.9 < float(made["records"]["marker"][-1]) < 1.4


@pytest.mark.slow
def test_the_controller_of_the_how_to_is_tuned_and_random_stimulation_lowers_mean_beta_as_much(examples):
    table = runpy.run_path(str(examples / "controllers.py"))["table"]
    benefit, dose = ({name: found[what].mean() for name, found in table.items()} for what in ("benefit", "dose"))
    assert benefit["off"] == 0.0
    assert dose["continuous"] == pytest.approx(1.0)
    assert dose["tuned"] < 0.7
    # tuning takes the best of benefit - dose / 2
    assert benefit["tuned"] - 0.5 * dose["tuned"] > benefit["continuous"] - 0.5
    assert dose["random, matched"] == pytest.approx(dose["tuned"], abs=0.05)
    assert benefit["random, matched"] == pytest.approx(benefit["tuned"], abs=0.08)


def test_the_law_of_the_how_to_runs_in_a_controller(examples):
    import jax.numpy as jnp

    from neurodrift.agents import Controller
    from neurodrift.sim.loop import Reading
    from neurodrift.sim.sensing import Applied

    law = _load(examples / "controllers_law.py").Deadband(gain=2.0, setpoint=0.1, band=0.2)
    policy = Controller.create(Applied(), law, 0.1)
    for seen, answer in ((0.05, 0.0), (0.3, 0.0), (0.5, 0.4), (0.9, 1.0)):
        reading = Reading(jnp.zeros((1, 5)), jnp.zeros(5, bool), jnp.zeros(()), jnp.asarray(True), jnp.array([seen]))
        _, action = policy.act(policy.init(), reading, jax.random.key(0))
        np.testing.assert_allclose(action, [answer], atol=1e-6)


def test_the_evaluation_of_the_how_to_finds_what_stimulation_leaves(examples):
    results = runpy.run_path(str(examples / "evaluate_policy.py"), run_name="__main__")["results"]
    off, continuous = results["table"]
    assert off["percent_off"] == pytest.approx(100.0)
    # the Stuart-Landau rhythm at full current: a quarter of its power, and bursts come and go in ten seconds
    assert 10 < continuous["percent_off"] < 40


def test_the_guard_of_the_how_to_keeps_what_alignment_loses_on_one_class(examples):
    made = runpy.run_path(str(examples / "guard.py"))
    accuracy = made["accuracy"]
    assert accuracy["riemann"] < accuracy["frozen"] - 0.2
    assert accuracy["riemann_guarded"] >= 0.95 * accuracy["frozen"]
    assert made["told"].is_source
    assert made["told"].negative_transfer


@pytest.mark.slow
def test_the_calibration_of_the_how_to_is_no_worse_than_the_checkpoint_and_knows_it(examples):
    made = runpy.run_path(str(examples / "calibrate.py"))
    assert made["found"]["fine-tuned"] >= made["found"]["zero-shot"] > 0.7
    assert made["expected"].lo <= made["found"]["fine-tuned"] <= made["expected"].hi


@pytest.mark.slow
def test_the_compressed_decoder_of_the_how_to_decides_as_its_teacher_in_a_fraction_of_the_bytes(
    examples, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    made = runpy.run_path(str(examples / "compress.py"))
    accuracy = made["accuracy"]
    assert accuracy["teacher"] > 0.8
    assert accuracy["8 bits"] > accuracy["teacher"] - 0.1
    assert made["ratio"] > 5


@pytest.mark.slow
def test_the_checkpoint_of_the_how_to_decides_in_8_bits_as_it_did_in_floats(examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = runpy.run_path(str(examples / "compress_checkpoint.py"))
    accuracy, size = made["accuracy"], made["size"]
    assert accuracy["checkpoint"] > 0.6  # chance is .5, the card says .75; 160 trials have an error of .04
    assert abs(accuracy["8 bits"] - accuracy["checkpoint"]) < 0.05
    # 4 bytes a number in floats; what is smaller is a byte a weight
    assert size["checkpoint"] == sum(4 * a.size for a in jax.tree.leaves(made["found"].variables[1:]))
    assert size["8 bits"] < size["checkpoint"] / 2
    assert made["told"]["ch_names"] == list(made["found"].card.ch_names)


@pytest.mark.slow
def test_ten_trials_of_the_how_to_with_mixup_are_better_than_chance(examples, capsys):
    accuracy = runpy.run_path(str(examples / "augment.py"))["accuracy"]
    assert min(accuracy.values()) > 0.75  # 35 trials eight times over, chance is .5
    assert accuracy["10 trials"] != accuracy["and mixup"]
    assert f"{100 * accuracy['and mixup']:.1f} %" in capsys.readouterr().out


@pytest.mark.slow
def test_the_masked_pretraining_of_the_how_to_learns_and_prints_what_a_probe_reads(examples, capsys):
    made = runpy.run_path(str(examples / "masked.py"))
    assert made["loss"][-10:].mean() < 0.9 * made["loss"][:10].mean()
    assert made["accuracy"]["band power"] > 0.5 + 1.64 * (0.25 / 35) ** 0.5
    assert capsys.readouterr().out.endswith(" of 35 later trials\n")


def test_the_noise_of_the_how_to_spends_the_epsilon_that_was_asked_for_at_every_site(examples):
    made = runpy.run_path(str(examples / "federated_private.py"))
    assert made["noise"] > 0.5
    assert set(made["epsilon"]) == {f"site {i}" for i in range(6)}
    # noise is found to a thousandth, at most the epsilon asked for
    assert all(7.9 < value <= 8.0 for value in made["epsilon"].values())


def test_the_sites_of_the_how_to_learn_and_the_hostile_ones_are_named(examples):
    made = runpy.run_path(str(examples / "federated.py"))
    assert made["accuracy"] > 0.7
    assert {"site 1", "site 4"} <= set(made["refused"])
    assert made["refused"]["site 4"] == "not finite"


def test_the_monitor_of_the_how_to_sees_the_drift(examples):
    alarm = runpy.run_path(str(examples / "monitors.py"))["alarm"]
    assert 100 <= alarm[0] < 150


def test_the_notebook_beats_chance_and_shows_what_the_tutorial_tells(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    made = runpy.run_path(str(ROOT / "notebooks/first_drift_scenario.py"))
    accuracy = made["accuracy"]
    assert accuracy["frozen"][0] > 0.5 + 3.1 * np.sqrt(0.25 / made["n_before"])
    assert accuracy["oracle"][1] > 0.5 + 3.1 * np.sqrt(0.25 / made["n_after"])
    assert accuracy["frozen"][1] < accuracy["Euclidean alignment"][1] < accuracy["oracle"][1]
    tutorial = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^(\w[\w ]*?) +before \d+%   after (\d+)%$", tutorial, re.MULTILINE))
    assert set(told) == set(accuracy)
    for name, percent in told.items():
        # another processor may round a few trials near the boundary the other way
        assert abs(float(percent) - 100 * accuracy[name][1]) <= 2.0


@pytest.fixture(scope="module")
def results():
    """The results of one person and three methods at two severities, whose answers are always right."""
    y = np.arange(120)[None] % 2
    proba = np.stack([1.0 - y, 1.0 * y], -1) * 0.8 + 0.1
    arrays = {"y": y, "onset": np.array([50]), "session": np.zeros(120, int), "time_s": 8.0 * np.arange(120)}
    for method in ("frozen", "ea", "oracle"):
        arrays |= {f"proba/{method}": proba, f"labels/{method}": np.zeros((1, 120), int)}
    meta = {"severity_unit": "cm", "seed": 0, "subjects": ["P01"], "class_names": ["a", "b"]}
    spec = {
        "name": "mi_cap_shift",
        "title": "T",
        "severity_unit": "cm",
        "methods": {"frozen": {}, "ea": {}, "oracle": {}},
    }
    cells = [({**meta, "severity": severity}, arrays) for severity in (0.0, 2.0)]
    return build_results(
        spec, {"decoder": "csp_lda", "quick": True}, {"python": "3.11"}, cells, 2, command="neurodrift"
    )


def test_every_field_of_results_json_is_documented(results):
    page = (ROOT / "docs/howto/results_json.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(\w+)`", page))
    fields = {re.sub(r"_(lo|hi|reason)$", "", name) for name in [*results, *results["table"][0]]}
    assert fields - documented == set()


def test_a_result_page_gives_each_method_its_numbers_and_says_what_is_no_result(results):
    page = _load(ROOT / "docs/make_results.py").page(results)
    assert "Not a result" in page
    assert "1 of the 16 people" in page
    assert "| ea | 100.0 [\u2013, \u2013] | 100.0 [\u2013, \u2013] |" in page
    assert "| frozen | 78 / 100.0 [\u2013, \u2013] | 63 / 100.0 [\u2013, \u2013] |" in page
    assert page.count("\n### ") == 2


def test_the_checkpoint_of_the_how_to_decodes_under_another_cap(examples):
    made = runpy.run_path(str(examples / "use_checkpoint.py"))
    assert made["channels"].wanted == made["found"].card.ch_names
    assert made["logits"].shape == (20, 2)
    assert np.isfinite(made["logits"]).all()


@pytest.mark.slow
def test_the_pretraining_of_the_how_to_learns(examples):
    made = runpy.run_path(str(examples / "pretrain_people.py"))
    assert made["found"].history["task"][-1] < made["found"].history["task"][0]


def test_every_scenario_has_its_place_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in INFOS if f"`{name}`" not in readme] == []


def test_pages_of_several_runs_are_never_made_of_one(monkeypatch, tmp_path):
    """By default every scenario is run but the transfers, and a transfer that is asked for is refused."""
    made = _load(ROOT / "docs/make_results.py")
    for path in (ROOT / "docs/results").glob("*.md"):
        (tmp_path / path.name).write_text("untouched")
    monkeypatch.setattr(made, "HERE", tmp_path)
    asked = []
    monkeypatch.setattr(made, "neurodrift", lambda words: asked.append(words[1]) or 1)
    monkeypatch.setattr(sys, "argv", ["make_results.py", "--only", "transfer_sleep"])
    with pytest.raises(SystemExit, match="makes no page 'transfer_sleep'"):
        made.main()
    for name in INFOS:
        monkeypatch.setattr(sys, "argv", ["make_results.py", "--only", name, "--data", "recordings"])
        with pytest.raises(SystemExit):
            made.main()
    assert asked == [name for name in INFOS if not name.startswith("transfer_")]
    assert {path.read_text() for path in tmp_path.glob("*.md")} == {"untouched"}
