"""The one error type for input that cannot be used: the command line turns it into one line and exit status 2."""


class InputError(ValueError):
    """Bad input from a user: the message says what was got, what was wanted and the fix, on one line."""
