"""Where things are in the head, in head coordinates: m about the middle of the head, x right, y front, z up."""

SUBTHALAMIC = ((-0.012, 0.002, -0.017), (0.012, 0.002, -0.017))
"""Subthalamic nuclei, left and right: 12 mm lateral, 14 behind and 7 below the anterior commissure (about (12, -14, -7)
mm in MNI coordinates), which lies 16 mm before and 10 below the middle of the head (of a 90 mm head; assumed)."""
