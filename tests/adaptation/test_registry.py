"""The catalogue: complete, cheap to import, helpful on a typo."""

import subprocess
import sys

import pytest

from neurodrift.adaptation import registry
from neurodrift.sim.errors import InputError


def test_the_methods_of_the_first_report_are_listed():
    wanted = {"frozen", "oracle", "recal10", "recal20", "scratch20", "ea", "ea_ema", "ea_sliding"}
    wanted |= {"riemann", "adabn", "cft", "ea_cft"}
    assert wanted <= set(registry.METHODS)
    assert [spec.name for spec in registry.METHODS.values()] == list(registry.METHODS)


@pytest.mark.parametrize("name", registry.DECODERS)
def test_every_decoder_is_made_at_its_lowest_rate(name):
    spec = registry.decoder(name)
    decoder = spec.make(8, 4 * int(spec.min_sfreq), 2, spec.min_sfreq)
    assert decoder.n_classes == 2
    assert decoder.layers[-1] == "readout"
    assert spec.min_sfreq > 2 * spec.h_freq


@pytest.mark.parametrize(
    ("look_up", "typo", "meant"), [("method", "ea_cf", "ea_cft"), ("decoder", "cps_lda", "csp_lda")]
)
def test_a_typo_is_answered_with_a_suggestion(look_up, typo, meant):
    with pytest.raises(InputError, match=f"did you mean '{meant}'"):
        getattr(registry, look_up)(typo)


def test_an_unknown_name_is_answered_with_the_choices():
    with pytest.raises(InputError, match=r"unknown method 'zzz'; choose from frozen, oracle"):
        registry.method("zzz")


def test_importing_the_catalogue_imports_no_heavy_library():
    code = (
        "import sys, neurodrift.adaptation; "
        "print([m for m in ('mne', 'brian2', 'matplotlib', 'flax', 'sklearn') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
