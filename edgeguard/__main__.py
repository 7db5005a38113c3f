"""`python -m edgeguard` is `edgeguard`."""

from edgeguard.cli.main import main

if __name__ == "__main__":
    main()
