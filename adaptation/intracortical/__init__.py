"""Decoders of movement from spikes, and what recalibrates them."""
