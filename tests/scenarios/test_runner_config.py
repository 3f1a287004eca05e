"""Configurations: defaults, what is refused and with which suggestion, the command that makes them again."""

import dataclasses
import shlex

import pytest

from neurodrift.scenarios.config import command_line, make_config, parse_names, parse_numbers, with_bounds
from neurodrift.scenarios.infos import INFOS, OWN_DECODERS, OWN_METHODS
from neurodrift.scenarios.lookup import did_you_mean, get_info, is_plugin, load_attribute
from neurodrift.scenarios.provenance import code_version, data_version, versions
from neurodrift.sim.errors import InputError

INFO = INFOS["mi_cap_shift"]


def test_defaults_are_the_scenarios():
    config = make_config("mi_cap_shift", INFO)
    assert config.methods == INFO.methods
    assert config.severities == INFO.severities
    assert (config.seeds, config.subjects, config.decoder) == (INFO.n_seeds, INFO.n_subjects, INFO.decoder)


def test_quick_takes_fewer_but_what_is_asked_for_stays():
    quick = make_config("mi_cap_shift", INFO, quick=True)
    assert quick.severities == INFO.quick_severities
    assert quick.subjects == INFO.quick_subjects
    assert quick.digest() != make_config("mi_cap_shift", INFO).digest()
    assert make_config("mi_cap_shift", INFO, quick=True, subjects=5, severities=(3.0,)).subjects == 5


def test_whole_and_decimal_severities_are_one_configuration():
    assert make_config("x", INFO, severities=(1, 2)).digest() == make_config("x", INFO, severities=(1.0, 2.0)).digest()


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"methods": ["frozn"]}, "unknown method 'frozn', did you mean 'frozen'"),
        ({"methods": []}, "no method"),
        ({"decoder": "eegnett"}, "did you mean 'eegnet'"),
        ({"methods": ["mdm_adaptive"]}, "'mdm_adaptive' does not work on the decoder csp_lda; use --decoder mdm"),
        ({"methods": ["ea", "pcovmean"], "decoder": "mdm"}, "'pcovmean' does not work on the decoder mdm"),
        ({"severities": [float("nan")]}, "severity nan"),
        ({"severities": [99]}, "wanted 0 to 8 cm"),
        ({"seeds": 0}, "--seeds is 0: wanted 1 or more"),
        ({"subjects": -1}, "--subjects is -1"),
        ({"label_delay": -1}, "--label-delay is -1"),
        ({"label_missing": 1.0}, "--label-missing is 1"),
        ({"label_noise": float("nan")}, "--label-noise is nan"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fix(choice, said):
    with pytest.raises(InputError) as caught:
        make_config("mi_cap_shift", INFO, **choice)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_defaults_that_do_not_work_on_the_decoder_are_left_out_and_the_bounds_stay():
    info = dataclasses.replace(INFO, methods=("frozen", "pcovmean", "ea", "oracle"))
    assert make_config("mi_cap_shift", info, decoder="mdm").methods == ("frozen", "ea", "oracle")
    assert make_config("mi_cap_shift", info, decoder="csp_lda").methods == info.methods


def test_every_method_works_on_a_decoder_of_some_scenario():
    from neurodrift.adaptation.registry import DECODERS, METHODS

    offered = [DECODERS[name] for name in INFO.decoders]
    assert [name for name, spec in METHODS.items() if not any(spec.fits(decoder) for decoder in offered)] == []


def test_an_unknown_scenario_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'mi_cap_shift'"):
        get_info("mi_capshift")


def test_did_you_mean_lists_everything_when_nothing_is_near():
    assert did_you_mean("zzz", ["abc", "def"]) == "; choose from abc, def"


@pytest.mark.parametrize("spec", ["a:b", "a.b:c.d"])
def test_module_and_attribute_make_a_plugin(spec):
    assert is_plugin(spec)


@pytest.mark.parametrize("spec", ["a", "a:", ":b", "a b:c", "a:b:c", "eegbci:7"])
def test_anything_else_does_not(spec):
    assert not is_plugin(spec)


def test_a_missing_module_or_attribute_is_bad_input():
    with pytest.raises(InputError, match="can't import 'no_such_module'"):
        load_attribute("no_such_module:x")
    with pytest.raises(InputError, match="has no 'sqrd', did you mean 'sqrt'"):
        load_attribute("math:sqrd")


def test_the_reproducing_command_gives_the_same_configuration():
    config = make_config("mi_cap_shift", INFO, severities=(0.5, 2), seeds=2, data="my file.edf", label_noise=0.1)
    words = shlex.split(command_line(config))
    assert words[:3] == ["neurodrift", "run", "mi_cap_shift"]
    from neurodrift.scenarios.cli.parsing import parse
    from neurodrift.scenarios.cli.run_command import Options

    options = parse(Options, "neurodrift run", words[2:])
    assert isinstance(options, Options)
    again = make_config(
        options.scenario,
        INFO,
        methods=parse_names(options.methods),
        severities=parse_numbers(options.severities, "--severities"),
        **{
            f: getattr(options, f)
            for f in ("seeds", "subjects", "decoder", "data", "label_delay", "label_missing", "label_noise", "quick")
        },
    )
    assert again == config


def test_every_listed_default_exists():
    from neurodrift.adaptation.registry import DECODERS, METHODS

    for info in INFOS.values():
        assert set(info.methods) <= set(METHODS) | set(OWN_METHODS)
        assert set(info.decoders) <= set(DECODERS) | set(OWN_DECODERS)
        config = make_config(info.name, info)
        assert config == make_config(
            info.name, info, **{k: v for k, v in dataclasses.asdict(config).items() if k != "scenario"}
        )


def test_the_code_version_follows_the_plugin_but_not_the_report(tmp_path, monkeypatch):
    code_version.cache_clear()
    plain = code_version()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plugin_for_version.py").write_text("A = 1")
    one = code_version("plugin_for_version")
    (tmp_path / "plugin_for_version.py").write_text("A = 2")
    code_version.cache_clear()
    assert len({plain, one, code_version("plugin_for_version")}) == 3


def test_the_data_version_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    first = data_version(str(tmp_path / "a"))
    (tmp_path / "a").write_bytes(b"2")
    assert data_version(str(tmp_path / "a")) != first
    assert data_version(str(tmp_path)) is not None
    assert data_version("eegbci:7") is None
    assert data_version(None) is None


def test_versions_name_what_is_installed():
    import numpy

    assert versions()["numpy"] == numpy.__version__


def test_methods_are_put_between_the_bounds_that_the_scenario_has():
    info = INFOS["mi_null"]
    assert with_bounds(("ea",), info) == ("frozen", "ea", "oracle")
    assert with_bounds(("oracle", "frozen"), info) == ("oracle", "frozen")
    assert with_bounds(("ea",), dataclasses.replace(info, methods=("ea",))) == ("ea",)
    assert with_bounds((), info) == ()
