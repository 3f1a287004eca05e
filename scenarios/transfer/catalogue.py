"""The built-in transfers, implemented."""

from ..contract import Scenario
from .depth import Depth
from .erp import Evoked
from .infos import TRANSFERS
from .new_user import NewUser
from .scenario import Task, TransferScenario
from .seizure import Seizures
from .sleep import Nights
from .species import Species

_TASKS: dict[str, Task] = {
    "transfer_new_user": NewUser(),
    "transfer_erp": Evoked(),
    "transfer_seizure": Seizures(),
    "transfer_sleep": Nights(),
    "transfer_species": Species(),
    "transfer_depth": Depth(),
}

SCENARIOS: dict[str, Scenario] = {info.name: TransferScenario(info, _TASKS[info.name]) for info in TRANSFERS}
