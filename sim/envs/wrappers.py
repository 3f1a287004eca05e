"""Other observations of a window: band power, and what a decoder makes of it."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from ..errors import InputError

BANDS = ((4.0, 8.0), (8.0, 13.0), (13.0, 30.0))
"""Hz: theta, mu/alpha and beta."""

_FLOOR = 1e-18
"""V^2 (1 nV rms): a flat channel has this power, not minus infinity."""


class BandPower(gymnasium.ObservationWrapper[np.ndarray, np.ndarray, np.ndarray], RecordConstructorArgs):
    """Natural logarithm of the power in each band, ln(V^2), float32 (n_channels * n_bands,), bands fastest.

    The periodogram of the whole window with its mean taken off and a Hann taper, summed over low <= f < high and
    scaled so that a sine inside a band has its mean square. bands: (low, high) Hz; each needs one frequency of the
    window at least, so a band narrower than 1 / window duration may be refused.
    """

    def __init__(
        self, env: gymnasium.Env[np.ndarray, np.ndarray], bands: tuple[tuple[float, float], ...] = BANDS
    ) -> None:
        RecordConstructorArgs.__init__(self, bands=bands)
        gymnasium.ObservationWrapper.__init__(self, env)
        space = env.observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 2:
            raise InputError(f"band power wants windows (n_channels, n_times) but observes {space}; wrap the bare one")
        n_channels, n_times = space.shape
        sfreq = env.unwrapped.plant.source.sfreq  # pyright: ignore[reportAttributeAccessIssue]
        frequency = np.fft.rfftfreq(n_times, 1.0 / sfreq)
        member = np.stack([(frequency >= low) & (frequency < high) for low, high in bands])
        empty = [band for band, inside in zip(bands, member) if not inside.any()]
        if empty:
            raise InputError(
                f"no frequency of a window of {n_times / sfreq:g} s lies in {empty[0][0]:g}-{empty[0][1]:g} Hz; "
                "widen the band or lengthen window_s"
            )
        taper = np.hanning(n_times + 1)[:-1]
        # one-sided: every frequency but 0 and the Nyquist frequency stands for two
        twice = np.where((frequency == 0) | (frequency == sfreq / 2), 1.0, 2.0)
        self._taper = taper.astype(np.float32)
        self._weights = (member * twice / (n_times * np.sum(taper**2))).astype(np.float32).T
        largest = float(np.max(np.abs(space.high)))
        high = np.log(largest**2 * n_times + _FLOOR)
        self.observation_space = spaces.Box(
            np.float32(np.log(_FLOOR) - 1e-3), np.float32(high), (n_channels * len(bands),), np.float32
        )

    def observation(self, observation: np.ndarray) -> np.ndarray:
        centred = (observation - observation.mean(axis=-1, keepdims=True)) * self._taper
        power = np.abs(np.fft.rfft(centred, axis=-1)).astype(np.float32) ** 2 @ self._weights
        return np.log(power + np.float32(_FLOOR)).ravel()


class DecodedProbabilities(gymnasium.ObservationWrapper[np.ndarray, np.ndarray, np.ndarray], RecordConstructorArgs):
    """What a decoder says of each window: float32 (n_classes,) probabilities.

    predict: any callable from a window (n_channels, n_times) V to ``n_classes`` probabilities, so that the simulator
    needs to know no decoder. Raises InputError where they are not: not finite, negative, or not summing to 1.
    """

    def __init__(
        self,
        env: gymnasium.Env[np.ndarray, np.ndarray],
        predict: Callable[[np.ndarray], Any],
        n_classes: int = 2,
    ) -> None:
        RecordConstructorArgs.__init__(self, predict=predict, n_classes=n_classes)
        gymnasium.ObservationWrapper.__init__(self, env)
        self._predict = predict
        self.observation_space = spaces.Box(0.0, 1.0, (n_classes,), np.float32)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        probabilities = np.asarray(self._predict(observation), np.float32)
        # float32 softmax over a few classes sums to one within 1e-6
        valid = probabilities.shape == self.observation_space.shape and abs(float(probabilities.sum()) - 1.0) < 1e-4
        if not valid or not bool((probabilities >= 0).all()):
            raise InputError(
                f"the decoder gave {probabilities.tolist()}; it wants {self.observation_space.shape} probabilities: "
                "apply a softmax to logits"
            )
        return np.minimum(probabilities, np.float32(1.0))
