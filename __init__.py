"""neurodrift: where a brain-computer interface or a neurostimulator meets drift before it meets a patient.

Importing this package imports neither jax nor brian2; the subpackages ``neurodrift.sim``,
``neurodrift.adaptation``, ``neurodrift.agents`` and ``neurodrift.scenarios`` do what they need.
"""

__version__ = "0.1.0"
