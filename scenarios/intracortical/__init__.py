"""Scenarios of intracortical decoding: recorded instabilities, and months of drifting units."""
