"""A loop compiled to one call per control window, for one environment or many."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import Literal

from ..conditions import Conditions
from ..keys import stream_key
from ..loop import Loop, LoopState
from ..plant import Plant, PlantState
from .packing import Packing
from .tasks import Dose

World = Loop | Plant | Callable[[Array], Loop | Plant]
"""A loop, a plant of which the dose alone is judged, or a traceable function of a key that draws either."""

LARGEST_FEATURE = 1e6
"""Bound of a sensing's features as they are observed; they are of the order of 1."""
_LARGE = 1024
"""Words above which an array stays by itself: cutting it out of a vector would copy it at every step."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """The static side of an engine. Engines of one layout share their compiled functions.

    treedef of the loop. varies, small: per leaf, whether it differs between people, and whether it is packed.
    large: shape and dtype of the leaves that are neither. person, common: packings of the leaves that vary, and of
    the small ones that do not. drifting: names of the conditions that a drift process touches.
    """

    treedef: Any
    varies: tuple[bool, ...]
    small: tuple[bool, ...]
    large: tuple[tuple[tuple[int, ...], str], ...]
    person: Packing
    common: Packing
    drifting: tuple[str, ...]
    n_stim: int

    def join(self, shared: tuple[Array, ...], person: Array) -> Loop:
        """The loop from the words and the large arrays that people share, and one person's words."""
        own, common, large = (
            iter(self.person.unpack(person)),
            iter(self.common.unpack(shared[0])),
            iter(shared[1:]),
        )
        leaves = [next(own if varies else common if small else large) for varies, small in zip(self.varies, self.small)]
        return jax.tree.unflatten(self.treedef, leaves)


def output(layout: Layout, loop: Loop, state: LoopState, action: Array) -> tuple[LoopState, dict]:
    """One control window with action (n_stim,) relative to the largest current: the state after it, and everything
    that leaves the compiled function."""
    state, outcome = loop.step(state, action)
    window, stimulator = outcome.window, loop.plant.stimulator
    shield = {} if loop.shield is None else {"vetoes": outcome.vetoes, "mode": outcome.mode}
    late = {} if loop.latency is None else {"age": outcome.reading.age, "fresh": outcome.reading.fresh}
    observed = {"observation": outcome.observation}
    if loop.sensing is not None:
        features = jnp.clip(outcome.observation, -LARGEST_FEATURE, LARGEST_FEATURE)
        observed = {"observation": features, "recorded": outcome.reading.v}
    out = {
        **observed,
        "reward": jnp.asarray(outcome.reward, jnp.float32),
        "terminated": jnp.asarray(outcome.terminated, bool),
        "info": {
            "requested_action": outcome.requested * stimulator.max_current,
            "applied_action": window.stim.applied,
            "charge": window.stim.charge,
            "cost": outcome.cost,
            "marker": jnp.asarray(outcome.marker, jnp.float32),
            "tick": window.clock.tick,
            "seconds": window.clock.seconds,
            "responds_to_stim": jnp.asarray(loop.plant.source.responds_to_stim),
            **shield,
            **late,
            **{f"truth/{name}": jnp.asarray(value) for name, value in window.truth.items()},
            **{f"conditions/{name}": getattr(window.conditions, name) for name in layout.drifting},
        },
    }
    return state, out


class Compiled:
    """The compiled functions of a layout."""

    def __init__(self, layout: Layout) -> None:
        def begin(shared: tuple[Array, ...], person: Array, seed: Array) -> LoopState:
            return layout.join(shared, person).init(episode_key(seed))

        def advance(
            shared: tuple[Array, ...], person: Array, state: LoopState, action: Array
        ) -> tuple[LoopState, dict]:
            return output(layout, layout.join(shared, person), state, action)

        def words(n: int) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((n,), jnp.uint32)

        large = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in layout.large)
        world = ((words(layout.common.n_words), *large), words(layout.person.n_words))
        state = jax.eval_shape(begin, *world, words(2))
        action = jax.ShapeDtypeStruct((layout.n_stim,), jnp.float32)
        self.state = Packing.of(state)
        self.out = Packing.of(jax.eval_shape(advance, *world, state, action)[1])

        def start(shared: tuple[Array, ...], person: Array, seed: Array) -> Array:
            return self.state.pack(begin(shared, person, seed))

        def step(shared: tuple[Array, ...], person: Array, state: Array, action: Array) -> tuple[Array, Array]:
            new, out = advance(shared, person, self.state.unpack(state), action)
            return self.state.pack(new), self.out.pack(out)

        self.start = jax.jit(start)
        self.step = jax.jit(step, donate_argnums=2)
        self.start_batch = jax.jit(jax.vmap(start, (None, 0, 0)))
        self.step_batch = jax.jit(jax.vmap(step, (None, 0, 0, 0)), donate_argnums=2)


class Engine:
    """Draws people, starts their episodes and advances them.

    world: a Loop, or a function of a key that draws one; a Plant stands for the loop in which nothing counts but the
    dose. Everything that changes from one episode to the next is words: a person (n_words,), a state (n_words,), an
    output (n_words,).
    """

    def __init__(self, world: World) -> None:
        def build(key: Array) -> Loop:
            return as_loop(world if isinstance(world, Loop | Plant) else world(key))

        example = jax.random.key(0)

        def draw(key: Array) -> list[Array]:
            return [jnp.asarray(leaf) for leaf in jax.tree.leaves(build(key))]

        fixed = isinstance(world, Loop | Plant)
        if fixed:
            leaves = draw(example)
            varies = (False,) * len(leaves)
            treedef = jax.tree.structure(build(example))
            person = Packing.of([])
        else:
            closed, shapes = jax.make_jaxpr(draw, return_shape=True)(example)
            varies = depends_on_input(closed.jaxpr)
            treedef = jax.tree.structure(jax.eval_shape(build, example))
            person = Packing.of([leaf for leaf, v in zip(shapes, varies) if v])

        def draw_words(key: Array) -> tuple[Array, list[Array]]:
            leaves = draw(key)
            own = person.pack([leaf for leaf, v in zip(leaves, varies) if v])
            return own, [leaf for leaf, v in zip(leaves, varies) if not v]

        self._draw = jax.jit(draw_words)
        self._draw_batch = jax.jit(jax.vmap(lambda seed: draw_words(person_key(seed))[0]))
        if not fixed:
            words, others = self._draw(example)
            own, others = iter(person.unpack(words)), iter(others)
            leaves = [next(own if v else others) for v in varies]
        small = tuple(leaf.size <= _LARGE for leaf in leaves)
        common = [leaf for leaf, v, s in zip(leaves, varies, small) if not v and s]
        large = [leaf for leaf, v, s in zip(leaves, varies, small) if not v and not s]
        packing = Packing.of(common)
        self.shared = (packing.pack(common), *large)
        template: Loop = jax.tree.unflatten(treedef, leaves)
        self.template = template
        self.layout = Layout(
            treedef=treedef,
            varies=varies,
            small=small,
            large=tuple((tuple(leaf.shape), str(leaf.dtype)) for leaf in large),
            person=person,
            common=packing,
            drifting=drifting(template.plant),
            n_stim=template.n_stim,
        )
        self.varies = any(varies)
        self.compiled = compiled(self.layout)

    def person(self, subject: int) -> Array:
        """The words of person number ``subject``."""
        return self._draw(stream_key(jax.random.key(subject), "subject"))[0]

    def drawn(self, seed: np.ndarray) -> Array:
        """The words of the person that an episode's seed (2,) uint32 draws."""
        return self._draw(_person_key(seed))[0] if self.varies else jnp.zeros(0, jnp.uint32)

    def drawn_batch(self, seeds: np.ndarray) -> Array:
        """As :meth:`drawn` for seeds (n_envs, 2): (n_envs, n_words)."""
        return self._draw_batch(seeds) if self.varies else jnp.zeros((len(seeds), 0), jnp.uint32)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A function that builds a plant or a loop of a key, and its options: equal recipes share one engine."""

    function: Callable[..., Any]
    options: tuple[tuple[str, Any], ...]
    task: Any = None

    def __call__(self, key: Array) -> Loop:
        return as_loop(self.function(key, **dict(self.options)), self.task)


def as_loop(world: Loop | Plant, task: Any = None) -> Loop:
    """A loop as it is; a plant under ``task``, by default one in which the dose alone counts."""
    return world if isinstance(world, Loop) else Loop(plant=world, task=Dose() if task is None else task)


def engine(world: World) -> Engine:
    """The engine of a loop, made once where it is known by value."""
    try:
        hash(world)
    except TypeError:
        return Engine(world)
    return _engine(world)


_engine = functools.lru_cache(maxsize=32)(Engine)


@functools.lru_cache(maxsize=32)
def compiled(layout: Layout) -> Compiled:
    """The compiled functions of a layout, made once for all environments of it."""
    return Compiled(layout)


def episode_key(seed: Array) -> Array:
    """The run's key of an episode from seed (2,) uint32, drawn by the environment's generator."""
    return jax.random.fold_in(jax.random.key(seed[0]), seed[1])


def person_key(seed: Array) -> Array:
    """The key of the person whom an episode's seed (2,) uint32 draws."""
    return stream_key(episode_key(seed), "subject")


_person_key = jax.jit(person_key)


def depends_on_input(jaxpr: Any) -> tuple[bool, ...]:
    """Per output of a jaxpr: whether it may depend on any input (conservatively, operation by operation)."""
    touched = set(jaxpr.invars)
    for eqn in jaxpr.eqns:
        if any(not isinstance(var, Literal) and var in touched for var in eqn.invars):
            touched.update(eqn.outvars)
    return tuple(not isinstance(var, Literal) and var in touched for var in jaxpr.outvars)


def drifting(plant: Plant) -> tuple[str, ...]:
    """Names of the conditions that any drift process of the plant touches."""
    names = [field.name for field in dataclasses.fields(Conditions)]
    if not plant.drift:
        return ()
    state = jax.eval_shape(plant.init, jax.random.key(0))

    def conditions(nominal: Conditions, state: PlantState) -> Conditions:
        return dataclasses.replace(plant, conditions=nominal).evolve(state)[1]

    jaxpr = jax.make_jaxpr(conditions)(plant.conditions, state).jaxpr
    # what no process touches comes out as the very variable that went in
    return tuple(n for n, before, after in zip(names, jaxpr.invars, jaxpr.outvars) if after is not before)
