"""Training across sites whose data stay where they are, simulated in one process: the sites are groups of people."""

from .coordinator import Federation, Round, federate
from .local import LocalTraining
from .private import PrivateTraining
from .site import Cohort, Site, Update

__all__ = ["Cohort", "Federation", "LocalTraining", "PrivateTraining", "Round", "Site", "Update", "federate"]
