"""Sources of brain activity."""

from .base import Source, Truth
from .brian import BasalGanglia, BrunelNetwork, CorticalColumn, SpikingColumn, simulate_standalone
from .connectome import Connectome, MeanField
from .ensembles import ensemble, rhythm
from .entry import CurrentInput, FieldShift, InformationalLesion
from .intracortical import Intracortical
from .models.bonhoeffer_van_der_pol import BonhoefferVanDerPol
from .models.eirs import Eirs
from .models.epileptor import Epileptor
from .models.hindmarsh_rose import HindmarshRose
from .models.jansen_rit import JansenRit
from .models.kuramoto import Kuramoto
from .models.ott_antonsen import OttAntonsen
from .models.stn_gpe import StnGpe
from .models.stuart_landau import StuartLandau
from .models.thalamocortical import Thalamocortical
from .models.wendling import Wendling
from .models.wilson_cowan import WilsonCowan
from .motor_imagery import MotorImagery
from .neural_mass import NeuralMass
from .registry import SOURCES, SourceSpec, make_source
from .replay import Replay

__all__ = [
    "SOURCES", "BasalGanglia", "BonhoefferVanDerPol", "BrunelNetwork", "Connectome", "CorticalColumn",
    "CurrentInput", "Eirs", "Epileptor", "FieldShift", "HindmarshRose", "InformationalLesion", "Intracortical",
    "JansenRit", "Kuramoto", "MeanField", "MotorImagery", "NeuralMass", "OttAntonsen", "Replay", "Source",
    "SourceSpec", "SpikingColumn", "StnGpe", "StuartLandau", "Thalamocortical", "Truth", "Wendling", "WilsonCowan",
    "ensemble", "make_source", "rhythm", "simulate_standalone",
]  # fmt: skip
