"""Adaptive filters in front of a decoder."""
