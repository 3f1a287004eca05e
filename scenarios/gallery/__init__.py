"""One figure per brain model, for the documentation and for lectures."""
