"""What stimulation itself puts on the recording electrodes."""

from .base import Scene, StimulationArtefact
from .dbs import DBSArtefact
from .tms import TMSArtefact
from .transcranial import TranscranialArtefact

__all__ = ["DBSArtefact", "Scene", "StimulationArtefact", "TMSArtefact", "TranscranialArtefact"]
