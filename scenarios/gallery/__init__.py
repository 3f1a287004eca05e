"""One figure per plant, for the documentation and for lectures."""
