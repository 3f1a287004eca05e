"""Where the recorded session is, if it is."""

from pathlib import Path

import pytest

SESSION = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "monkey_bci_instability" / "20160325.mat"


@pytest.fixture(scope="session")
def session_file() -> Path:
    if not SESSION.is_file():
        pytest.skip("the recorded session ../shared/data/monkey_bci_instability/20160325.mat is not here")
    return SESSION
