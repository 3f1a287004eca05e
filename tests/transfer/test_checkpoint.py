"""Checkpoints come back to the bit with their card, and what does not fit is refused in one line."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from neurodrift.adaptation import registry
from neurodrift.adaptation.transfer.card import Card, decoder_fields
from neurodrift.adaptation.transfer.checkpoint import load_checkpoint, read_card, save_checkpoint
from neurodrift.sim.errors import InputError

NAMES = ("C3", "Cz", "C4", "Pz")


def made(name, **fields):
    decoder = dataclasses.replace(registry.decoder(name).make(4, 200, 2, 100.0), **fields)
    card = Card(
        decoder=name, fields=decoder_fields(decoder), ch_names=NAMES, sfreq=100.0, n_times=200,
        class_names=("left", "right"), preprocessing={"l_freq": 4.0, "h_freq": 38.0}, data="noise", people=1, trials=2,
        strategy={"name": "supervised"}, licence="CC0-1.0", metrics={"accuracy": 0.5}, command="none",
    )  # fmt: skip
    return decoder, decoder.init(jax.random.key(1)), card


@pytest.fixture(scope="module")
def network():
    return made("eegnet", dropout=0.5)


@pytest.fixture
def saved(network, tmp_path):
    save_checkpoint(tmp_path / "net", network[1], network[2])
    return tmp_path


@pytest.mark.parametrize("name", ["eegnet", "shallow", "csp_lda"])
def test_what_is_saved_comes_back_to_the_bit_with_its_decoder(name, tmp_path):
    decoder, variables, card = made(name)
    path = save_checkpoint(tmp_path / "net", variables, card)
    for given in (path, tmp_path / "net", tmp_path / "net.json"):
        found = load_checkpoint(given)
        assert found.card == card
        assert found.decoder == decoder
        assert jax.tree.structure(found.variables) == jax.tree.structure(variables)
        assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), found.variables, variables))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.json", "net.safetensors"]


def test_fields_that_are_not_the_catalogues_are_kept(saved):
    assert load_checkpoint(saved / "net").decoder.dropout == 0.5


def test_a_decoder_of_ones_own_is_filled_where_it_fits(saved, network):
    assert load_checkpoint(saved / "net", network[0]).decoder is network[0]
    other = registry.decoder("eegnet").make(5, 200, 2, 100.0)
    with pytest.raises(InputError, match=r"align as float32\[4, 4\] but the decoder needs float32\[5, 5\]"):
        load_checkpoint(saved / "net", other)


def change(folder, **facts):
    path = folder / "net.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"format": "other"}, "is marked 'other'"),
        ({"version": 3}, "is of version 3 but this release reads 2"),
        ({"weights_sha256": "0"}, "does not match the checksum"),
        ({"version": 1, "metrics": None}, r"has metrics None: wanted names"),
        ({"version": 1, "strategy": ["supervised"]}, r"has strategy .*: wanted names"),
        ({"decoder": "eegnut"}, "did you mean 'eegnet'"),
        ({"ch_names": ["C3", "Cz", "C4"]}, "decoder needs float32"),
        ({"fields": {"width": 3}}, "width, which it has not"),
        *(
            ({name: wrong}, rf"net\.json has {name} .*: wanted {kind}")
            for name, wrong, kind in (
                ("metrics", {"accuracy": "high"}, "names with finite numbers"),
                ("metrics", None, "names with finite numbers"),
                ("metrics", {"accuracy": True}, "names with finite numbers"),
                ("fields", None, "names with values"),
                ("preprocessing", None, "names with values"),
                ("strategy", None, "names with values"),
                ("class_names", 5, "a list of names"),
                ("class_names", [1, 2], "a list of names"),
                ("ch_names", "C3", "a list of names"),
                ("ch_names", [], "a list of names"),
                ("subjects", "S001", "a list of names, or none"),
                ("sfreq", 0, "a number above 0"),
                ("sfreq", "fast", "a number above 0"),
                ("n_times", 1.5, "a whole number, 1 or more"),
                ("trials", None, "a whole number, 0 or more"),
                ("seed", "0", "a whole number;"),
                ("decoder", ["eegnet"], "text"),
                ("licence", None, "text"),
            )
        ),
    ],
)
def test_a_card_that_does_not_fit_is_refused_in_one_line(saved, facts, said):
    if "ch_names" in facts:
        facts = facts | {"fields": {}}
    change(saved, **facts)
    with pytest.raises(InputError, match=said) as error:
        load_checkpoint(saved / "net")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("facts", "metrics", "subjects"),
    [
        (
            {"data": "virtual people, simulated", "strategy": {"name": "supervised"}},
            {"accuracy": 0.75, "mmd": 0.04},
            (),
        ),
        (
            {"data": "virtual people, simulated", "strategy": {"name": "anil", "after": {"checkpoint": "x"}}},
            {"accuracy": 0.75, "mmd": 0.04},
            None,
        ),
        ({"data": "recorded: a; held out: b"}, {"accuracy": 0.75, "mmd": 0.04}, None),
        (
            {"data": "virtual people; then 20 trials of S1", "strategy": {"name": "calibrated", "after": {}}},
            {"own_accuracy": 0.75, "own_lo": 0.5, "own_hi": 0.9},
            None,
        ),
    ],
)
def test_a_card_of_version_1_is_read_in_todays_units(saved, facts, metrics, subjects):
    old = {"accuracy": 0.75, "lo": 0.5, "hi": 0.9} if "own_lo" in metrics else {"accuracy": 75.0, "mmd": 0.04}
    change(saved, version=1, metrics=old, **facts)
    card = read_card(saved / "net")
    assert card.metrics == metrics
    assert card.subjects == subjects


def test_files_that_are_absent_damaged_or_no_checkpoint_are_refused(saved, network):
    with pytest.raises(InputError, match=r"absent\.json cannot be read"):
        load_checkpoint(saved / "absent")
    whole = (saved / "net.safetensors").read_bytes()
    (saved / "net.safetensors").write_bytes(whole[:-40])
    with pytest.raises(InputError, match="does not match the checksum"):
        load_checkpoint(saved / "net")
    (saved / "net.safetensors").unlink()
    with pytest.raises(InputError, match=r"net.safetensors cannot be read .*beside its card"):
        load_checkpoint(saved / "net")
    (saved / "net.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        read_card(saved / "net")
    (saved / "net.json").write_text("[]")
    with pytest.raises(InputError, match="is marked None"):
        read_card(saved / "net")
    save_file({"a": np.zeros(3, np.float32)}, saved / "foreign.safetensors")
    with pytest.raises(InputError, match=r"foreign\.json cannot be read"):
        load_checkpoint(saved / "foreign.safetensors")


def test_weights_that_are_not_finite_are_refused(network, tmp_path):
    _, variables, card = network
    save_checkpoint(tmp_path / "net", variables._replace(align=variables.align * jnp.nan), card)
    with pytest.raises(InputError, match="not finite in align"):
        load_checkpoint(tmp_path / "net")


def test_a_number_that_is_none_leaves_neither_file(network, tmp_path):
    _, variables, card = network
    with pytest.raises(InputError, match=r"the card to write has metrics .*nan.*: wanted names with finite numbers"):
        save_checkpoint(tmp_path / "net", variables, dataclasses.replace(card, metrics={"accuracy": float("nan")}))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(network, tmp_path):
    with pytest.raises(InputError, match="writable, existing folder"):
        save_checkpoint(tmp_path / "no" / "net", network[1], network[2])
