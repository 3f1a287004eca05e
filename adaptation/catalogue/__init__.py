"""The methods, one file a family, each with ``SPECS``: the tuple of what it offers."""
