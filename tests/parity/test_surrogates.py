"""Fourier surrogates beside braindecode's, fed the same phases."""

import importlib.util
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.augment.surrogate import rephased


@pytest.fixture(scope="module")
def functional():
    """braindecode's functions; from their file, since importing all of its augmentations asks for more libraries."""
    pytest.importorskip("torch")
    package = importlib.util.find_spec("braindecode")
    if package is None or package.origin is None:
        pytest.skip("braindecode is not installed")
    path = Path(package.origin).parent / "augmentation/functional.py"
    spec = importlib.util.spec_from_file_location("functional", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("n_times", [64, 65])
def test_surrogates_are_braindecodes(functional, independent, n_times):
    torch = functional.torch
    x = np.random.default_rng(0).normal(size=(1, 4, n_times)).astype(np.float32)
    y = torch.zeros(1)
    theirs, _ = functional.ft_surrogate(torch.as_tensor(x), y, 0.7, independent, random_state=0)
    # the phases that it drew, from what it made of the window
    spectra = [np.fft.rfft(np.asarray(w, np.float64))[0] for w in (x, theirs)]
    phase = np.angle(spectra[1] * spectra[0].conj())[:, 1 : (n_times - 1) // 2 + 1]
    if not independent:
        np.testing.assert_allclose(np.angle(np.exp(1j * (phase - phase[0]))), 0.0, atol=1e-3)
        phase = phase[:1]
    ours = rephased(jnp.asarray(x[0]), jnp.asarray(phase, jnp.float32))
    np.testing.assert_allclose(ours, theirs[0], atol=2e-5)
    assert np.abs(np.asarray(ours) - x[0]).max() > 0.5
