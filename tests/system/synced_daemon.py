"""The command line of a machine whose clock is synchronised, which a test machine's need not be: commands from afar want one."""

from edgeguard.cli.main import main
from edgeguard.runtime import clock

if __name__ == "__main__":
    clock.kernel_says_synced = lambda: True
    main()
