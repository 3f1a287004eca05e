"""Control tasks: policies side by side on the same patients and drifts, and what that is worth."""
