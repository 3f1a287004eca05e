"""Monitors of drift: one scalar, or one window, at a time."""
