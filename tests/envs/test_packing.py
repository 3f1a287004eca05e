import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.envs.engine import depends_on_input
from neurodrift.sim.envs.packing import Packing


def tree():
    return {
        "x": jnp.asarray([[1.5, -0.0, jnp.nan], [jnp.inf, 1e-45, -3e38]], jnp.float32),
        "n": jnp.asarray(-7, jnp.int32),
        "on": jnp.asarray([True, False]),
        "word": jnp.asarray([2**32 - 1], jnp.uint32),
        "key": jax.random.split(jax.random.key(3), 2),
        "none": None,
    }


@pytest.mark.parametrize("jitted", [False, True])
def test_packing_and_unpacking_keep_every_bit(jitted):
    packing = Packing.of(tree())
    there_and_back = lambda t: packing.unpack(packing.pack(t))  # noqa: E731
    out = (jax.jit(there_and_back) if jitted else there_and_back)(tree())
    for a, b in zip(jax.tree.leaves(tree()), jax.tree.leaves(out)):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_a_view_shows_one_tree_or_a_batch_of_them():
    packing = Packing.of(tree())
    words = np.array(packing.pack(tree()))
    view = packing.view(words)
    assert view["x"].tobytes() == np.asarray(tree()["x"]).tobytes()
    assert view["n"] == -7
    np.testing.assert_array_equal(view["on"], [True, False])
    batch = packing.view(np.stack([words, words]))
    assert batch["x"].shape == (2, 2, 3)
    assert batch["n"].tolist() == [-7, -7]
    np.testing.assert_array_equal(batch["on"], [[True, False]] * 2)


def test_shapes_alone_give_the_same_packing():
    assert Packing.of(jax.eval_shape(tree)) == Packing.of(tree())


def test_types_of_other_widths_are_refused():
    with pytest.raises(TypeError, match="int8"):
        Packing.of(jnp.zeros(2, jnp.int8))


def test_what_a_key_decides_is_told_from_what_it_does_not():
    def draw(key):
        x = jax.random.normal(key, (2,))
        return x + 1.0, jnp.ones(3) * 2.0, 4.0, key

    jaxpr = jax.make_jaxpr(draw)(jax.random.key(0)).jaxpr
    assert depends_on_input(jaxpr) == (True, False, False, True)
