"""Run the laws on one component: what kind it is, which laws it keeps, what was seen where it does not."""

import dataclasses
import inspect
from typing import Any

from ..sim.errors import InputError
from .laws import LAWS, Case, DoesNotApply, LawBroken, make_case
from .loop_laws import LOOP_LAWS

# A component is known by its methods; the first kind whose names it all has.
_METHODS = {
    "adapter": ("init", "predict", "update"),
    "decoder": ("init", "apply", "moments", "fit", "refit_readout", "layers", "n_classes"),
    "source": ("init", "step", "n_sources", "n_times", "n_stim", "positions", "orientations"),
    "policy": ("init", "act"),
    "sensing": ("init", "step", "n_features"),
    "drift": ("init", "step"),
}
_SIGNS = {
    "adapter": ("predict",), "decoder": ("apply", "fit"), "source": ("n_sources",), "policy": ("act",),
    "sensing": ("n_features",), "drift": ("step",),
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class LawResult:
    """One law on one component; ``passed`` is None where the law does not apply, ``detail`` then says why."""

    law: str
    passed: bool | None
    detail: str = ""


def kind_of(component: Any) -> str:
    """The component's kind, a key of LAWS or LOOP_LAWS. InputError when it is of none, or lacks some of the methods."""
    for kind, signs in _SIGNS.items():
        if any(hasattr(component, sign) for sign in signs):
            missing = [name for name in _METHODS[kind] if not hasattr(component, name)]
            if missing:
                article = "an" if kind == "adapter" else "a"
                lacks = f"has no {', '.join(missing)}"
                raise InputError(f"{type(component).__name__} looks like {article} {kind} but {lacks}")
            return kind
    raise InputError(
        f"{type(component).__name__} is no adapter (predict, update), decoder (apply, fit), source (step, n_sources), "
        "policy (act), sensing (step, n_features) or drift (step)"
    )


def instance_of(found: Any, n_channels: int) -> Any:
    """The component itself, or one made from its class or from a function without arguments.

    A decoder's class is made with ``create(n_channels, n_times, n_classes, sfreq)`` where it has one.
    """
    if not inspect.isclass(found) and not inspect.isroutine(found):
        return found
    try:
        if inspect.isclass(found) and hasattr(found, "apply") and hasattr(found, "create"):
            return found.create(n_channels, 256, 2, 128.0)  # pyright: ignore[reportAttributeAccessIssue]
        return found()
    except TypeError as error:
        name = getattr(found, "__name__", "it")
        raise InputError(f"{name} can't be made without arguments ({error}); name an instance instead") from error


def check_component(component: Any, n_channels: int = 8) -> tuple[str, list[LawResult]]:
    """(kind, one result per law). Whatever a component raises counts as a broken law, not as an error here."""
    component = instance_of(component, n_channels)
    kind = kind_of(component)
    case = make_case(component, kind, n_channels)
    return kind, [_judge(law, case) for law in (LAWS | LOOP_LAWS)[kind]]


def _judge(law: Any, case: Case) -> LawResult:
    name = law.__name__
    for prefix in ("adapter_", "decoder_", "physics_", "loop_"):
        name = name.removeprefix(prefix)
    name = name.replace("_", " ")
    try:
        law(case)
    except DoesNotApply as reason:
        return LawResult(law=name, passed=None, detail=str(reason))
    except LawBroken as broken:
        return LawResult(law=name, passed=False, detail=str(broken))
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        return LawResult(law=name, passed=False, detail=f"{type(error).__name__}: {text}")
    return LawResult(law=name, passed=True)
