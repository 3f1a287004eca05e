"""What was trained, as a policy of the loop like any controller, and in a file."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from ...sim.errors import InputError
from ...sim.pytree import component, static
from .checkpoint import fill, named, write_atomic
from .loop_environment import to_loop
from .moments import no_moments
from .networks import ActorCritic
from .trained import Trained

FORMAT = "neurodrift policy 1"


@component
class Learned:
    """A trained policy that sees what ``sensing`` makes of readings (an object with init() and step(state, reading)).

    ``bipolar`` as the loop's: where it is not, an action in [-1, 1] becomes an amplitude in [0, 1]. The Gaussian's
    middle acts where ``deterministic``, otherwise a sample. Features that are not finite count as their mean. Made by
    :meth:`of`, which checks that they fit.
    """

    trained: Trained
    sensing: Any
    bipolar: bool = static(default=True)
    deterministic: bool = static(default=True)

    @classmethod
    def of(cls, trained: Trained, sensing: Any, *, bipolar: bool = True, deterministic: bool = True) -> "Learned":
        """InputError where the sensing has not as many features as the policy observes."""
        n_features = int(sensing.n_features)
        if n_features != trained.n_observations:
            raise InputError(
                f"the sensing has {n_features} features but the policy observes {trained.n_observations}; "
                "give the sensing that it was trained with"
            )
        return cls(trained=trained, sensing=sensing, bipolar=bipolar, deterministic=deterministic)

    def init(self) -> tuple[Any, Array]:
        """The memories of the sensing and of the network."""
        return self.sensing.init(), self.trained.init()

    def act(self, memory: tuple[Any, Array], reading: Any, key: Array) -> tuple[tuple[Any, Array], Array]:
        """(memory, request (n_stim,)) relative to the largest current."""
        sensed, inner = memory
        sensed, features = self.sensing.step(sensed, reading)
        inner, action = self.trained.act(inner, jnp.ravel(features), None if self.deterministic else key)
        return (sensed, inner), to_loop(action, self.bipolar)


def save_trained(path: Path | str, trained: Trained, meta: dict[str, Any] | None = None) -> None:
    """Write the policy as safetensors, its architecture and ``meta`` (what JSON can hold) in the header, at once."""
    net = trained.net
    fields = ("n_actions", "hidden", "recurrent", "n_values", "state_std", "std", "min_std", "n_history", "context")
    header = {
        "net": {name: getattr(net, name) for name in fields}, "squashed": trained.squashed,
        "n_observations": trained.n_observations, "meta": meta or {},
    }  # fmt: skip
    data = to_safetensors(
        {name: np.array(value, order="C") for name, value in named(_arrays(trained)).items()},
        metadata={"format": FORMAT, "neurodrift": json.dumps(header, sort_keys=True, allow_nan=False)},
    )
    try:
        write_atomic(Path(path), _ordered(data))
    except OSError as error:
        raise InputError(f"cannot write the policy to {path} ({error.strerror}): choose another folder") from error


def _ordered(data: bytes) -> bytes:
    """The same safetensors file with a header in order, which its writer leaves to chance: same policy, same bytes."""
    size = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    # tensors begin at a multiple of eight bytes
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def load_trained(path: Path | str) -> tuple[Trained, dict[str, Any]]:
    """(policy, meta) of a file of :func:`save_trained`; InputError where it is not one, or its shapes do not fit."""
    try:
        with safe_open(path, framework="np") as file:
            marks = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read as a policy ({error}): give a file of save_trained") from error
    if marks.get("format") != FORMAT:
        raise InputError(f"{path} is marked {marks.get('format')!r}, not {FORMAT!r}: give a file of save_trained")
    try:
        header = json.loads(marks["neurodrift"])
        given = dict(header["net"], hidden=tuple(header["net"]["hidden"]))
        net, n = ActorCritic(**given), int(header["n_observations"])
        params = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros(net.recurrent), jnp.zeros(n))
    except Exception as error:
        # the header is a stranger's: any architecture may be in it, and building it may fail in any way
        raise InputError(f"{path} describes no network that can be built ({error}): give another file") from error
    like = Trained(params=params, moments=no_moments(n), unit=jnp.ones(()), net=net, squashed=bool(header["squashed"]))
    params, moments, unit = fill(arrays, _arrays(like), path)
    return Trained(params=params, moments=moments, unit=unit, net=net, squashed=like.squashed), header["meta"]


def _arrays(trained: Trained) -> tuple[Any, ...]:
    return trained.params, trained.moments, trained.unit
