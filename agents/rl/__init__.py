"""Reinforcement learning inside one compiled program: algorithms, probes with known answers, trained policies."""

from .environment import Environment, Transition

__all__ = ["Environment", "Transition"]
