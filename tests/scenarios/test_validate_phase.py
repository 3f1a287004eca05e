"""Feedback of a mean field and phase-locked stimulation through the whole loop reach what was published."""

import pytest

from neurodrift.scenarios.validate import feedback, tremor
from neurodrift.scenarios.validate.row import FAIL

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("module", "n"), [(feedback, 7), (tremor, 7)], ids=["feedback", "tremor"])
def test_every_row_holds(module, n):
    rows = module.rows(fast=False)
    assert len(rows) == n
    assert not [r for r in rows if r.status == FAIL]
