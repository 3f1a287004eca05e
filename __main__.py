"""``python -m neurodrift`` and the ``neurodrift`` command."""

import sys


def main() -> None:
    """The command line: exits with 0 done, 1 failed, 2 bad input, 130 interrupted."""
    from .scenarios.cli.main import main as command_line

    sys.exit(command_line())


if __name__ == "__main__":
    main()
