"""The equations of the neural mass models, one file each; :class:`NeuralMass` integrates any of them."""
