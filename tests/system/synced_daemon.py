"""The command line of a machine whose clock is synchronised, which a test machine's need not be: commands from afar want one.

METER_READ_BACK_S in the environment: for how long a relay or a valve is looked at, in a test of many that do not move.
"""

import os

from edgeguard.cli.main import main
from edgeguard.runtime import clock

if __name__ == "__main__":
    clock.kernel_says_synced = lambda: True
    if seconds := os.environ.get("METER_READ_BACK_S"):
        from edgeguard.driver import meter_device

        vars(meter_device)["METER_READ_BACK_S"] = float(seconds)
    main()
