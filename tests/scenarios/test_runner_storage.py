"""A run's folder: whole cells or none, damage is seen and done again, another run's folder is refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurodrift.scenarios.atomic import read_sealed, write_sealed
from neurodrift.scenarios.contract import Cell, RunConfig
from neurodrift.scenarios.storage import Plan, RunFolder, plain
from neurodrift.sim.errors import InputError

CONFIG = RunConfig(scenario="toy", methods=("frozen",), decoder="coin", severities=(0.0, 1.0), seeds=1, subjects=1)
CELLS = tuple(Cell(scenario="toy", severity=s, subjects=("s0",), seed=0) for s in (0.0, 1.0))
ARRAYS = {"y": np.arange(6).reshape(2, 3), "proba/a": np.linspace(0, 1, 5, dtype=np.float32)}


def make_plan(config: RunConfig = CONFIG, code: str = "c0de", data: str | None = None) -> Plan:
    return Plan(config=config, code=code, data=data, versions={"python": "3"}, cells=CELLS)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.adopt(make_plan())
    return folder


def save_all(folder: RunFolder) -> dict[str, Cell]:
    ids = make_plan().ids()
    for cell_id, cell in ids.items():
        folder.save_cell(cell_id, cell, {"subjects": ["s0"], "x": np.float32(1.5)}, ARRAYS)
    return ids


def test_a_saved_cell_comes_back_as_it_was(folder):
    ids = save_all(folder)
    done, notes = folder.finished(make_plan())
    assert list(done) == list(ids)
    assert notes == []
    for found in done.values():
        assert found.meta == {"subjects": ["s0"], "x": 1.5}
        assert found.arrays.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert found.arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(found.arrays[name], array)


def test_nothing_unfinished_is_left_behind_by_saving(folder):
    save_all(folder)
    names = {path.name.partition(".")[2] for path in folder.cells.iterdir()}
    assert names == {"npz", "json"}


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("keep", [0, 1, 10, -20, -2])
def test_a_truncated_file_makes_the_cell_unfinished_and_is_kept_aside(folder, suffix, keep):
    ids = save_all(folder)
    first = next(iter(ids))
    path = folder.cells / f"{first}{suffix}"
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    done, notes = folder.finished(make_plan())
    assert first not in done
    assert len(done) == 1
    assert len(notes) == 1
    assert "done again" in notes[0]
    assert not path.exists()
    kept = folder.path / "damaged" / f"{first}-1"
    assert (kept / path.name).read_bytes() == whole[:keep]
    assert (kept / "why.txt").read_text()
    folder.save_cell(first, ids[first], {"subjects": ["s0"]}, ARRAYS)
    assert len(folder.finished(make_plan())[0]) == 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_is_ever_taken_for_a_result(folder, data):
    ids = save_all(folder)
    before, _ = folder.finished(make_plan())
    first = next(iter(ids))
    path = folder.cells / f"{first}{data.draw(st.sampled_from(['.npz', '.json']))}"
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    done, _ = folder.finished(make_plan())
    if first in done:  # white space of the JSON may change without changing what it says
        assert done[first].meta == before[first].meta
        for name, array in before[first].arrays.items():
            np.testing.assert_array_equal(done[first].arrays[name], array)


def test_a_cell_without_its_facts_is_unfinished_not_damaged(folder):
    ids = save_all(folder)
    first = next(iter(ids))
    (folder.cells / f"{first}.json").unlink()
    done, notes = folder.finished(make_plan())
    assert first not in done
    assert notes == []


def test_a_cell_renamed_to_another_is_not_taken_for_it(folder):
    first, second = save_all(folder)
    for suffix in (".npz", ".json"):
        (folder.cells / f"{first}{suffix}").replace(folder.cells / f"{second}{suffix}")
    done, notes = folder.finished(make_plan())
    assert done == {}
    assert "another cell" in notes[0]


def test_objects_are_refused_so_that_no_cell_can_hold_code(folder):
    cell_id, cell = next(iter(make_plan().ids().items()))
    with pytest.raises(ValueError, match="allow_pickle"):
        folder.save_cell(cell_id, cell, {}, {"evil": np.array([{}], dtype=object)})
    assert folder.load_cell(cell_id, cell) is None


def test_ids_depend_on_configuration_code_data_and_cell():
    plans = [
        make_plan(),
        make_plan(code="other"),
        make_plan(data="other"),
        make_plan(dataclasses.replace(CONFIG, label_delay=1)),
    ]
    ids = [cell_id for plan in plans for cell_id in plan.ids()]
    assert len(set(ids)) == len(ids) == 8
    assert make_plan().ids().keys() == make_plan().ids().keys()


def test_another_configuration_is_refused_and_the_difference_named(folder):
    with pytest.raises(InputError, match=r"seeds 1 \(here 3\).*--out.*resume"):
        folder.adopt(make_plan(dataclasses.replace(CONFIG, seeds=3)))


@pytest.mark.parametrize(
    ("change", "what"), [({"code": "new"}, "version of the code"), ({"data": "new"}, "content of the data")]
)
def test_other_code_or_data_is_refused(folder, change, what):
    with pytest.raises(InputError, match=f"another {what}.*--out"):
        folder.adopt(make_plan(**change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1, "sha256": "0"}', b"\xff\xfe"])
def test_a_damaged_plan_is_bad_input(folder, content):
    (folder.path / "plan.json").write_bytes(content)
    with pytest.raises(InputError, match="can't be used"):
        folder.read_plan()


def test_a_file_where_the_folder_should_be_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="can't write in the output folder"):
        RunFolder(tmp_path / "file" / "run").create()


def test_two_processes_cannot_hold_one_folder(folder):
    with folder.lock(), pytest.raises(InputError, match="another neurodrift"), folder.lock():
        pass
    with folder.lock():
        pass


def test_sweeping_removes_what_was_left_half_written(folder):
    save_all(folder)
    (folder.cells / ".unfinished-abc").write_bytes(b"half")
    folder.status.mkdir()
    folder.sweep()
    assert not list(folder.cells.glob(".*"))
    assert not folder.status.exists()
    assert len(folder.finished(make_plan())[0]) == 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sealed_json_round_trips(tmp_path, value):
    write_sealed(tmp_path / "a.json", {"value": value})
    assert read_sealed(tmp_path / "a.json") == {"value": value}


def test_a_configuration_round_trips_through_json_with_its_digest():
    config = dataclasses.replace(CONFIG, severities=(0.1, 1e-9, 3.0), data="a b", label_noise=0.1)
    again = RunConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert again.digest() == config.digest() != CONFIG.digest()


def test_what_is_no_json_is_refused_by_name():
    assert plain({"a": np.float32(0.5), "b": (np.int64(1), [np.zeros(2)])}) == {"a": 0.5, "b": [1, [[0.0, 0.0]]]}
    with pytest.raises(TypeError, match="complex"):
        plain({"a": 1j})
