"""The simulated devices judged by a client that nobody here has written: libmodbus, in a C program of a few lines."""

import asyncio
import subprocess
from pathlib import Path

import native
import pytest

from edgeguard.config import load_site, shipped_configs
from edgeguard.core.ids import BusName
from edgeguard.simulator.site import Serving, SimulatedSite

pytestmark = pytest.mark.slow

HASTY = 1
"""Wait 0.3 s for the answer, where none comes, and not half a minute."""
LOOK = r"""
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    uint16_t words[MODBUS_MAX_READ_REGISTERS];
    int address = atoi(argv[4]), count = atoi(argv[5]);
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_set_slave(context, atoi(argv[2]));
    modbus_set_response_timeout(context, argc > 6 ? 0 : 30, argc > 6 ? 300000 : 0);
    modbus_set_byte_timeout(context, 0, 0);
    if (modbus_connect(context)) return 1;
    int got = atoi(argv[3]) == 4 ? modbus_read_input_registers(context, address, count, words)
                                 : modbus_read_registers(context, address, count, words);
    if (got < 0) printf("%s", modbus_strerror(errno));
    for (int i = 0; i < got; i++) printf("%d ", words[i]);
    modbus_close(context);
    modbus_free(context);
    return 0;
}
"""


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if words := native.missing():
        pytest.skip(words)
    folder = tmp_path_factory.mktemp("look")
    (folder / "look.c").write_text(LOOK, encoding="ascii")
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], check=True, capture_output=True, text=True)
    subprocess.run(["gcc", "-Wall", str(folder / "look.c"), "-o", str(folder / "look"), *found.stdout.split()], check=True)
    return folder / "look"


async def ask(look: Path, *arguments: int) -> str:
    """What libmodbus makes of the answer: words, or its sentence about the error."""
    child = await asyncio.create_subprocess_exec(str(look), *map(str, arguments), stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    assert child.returncode == 0
    return out.decode().strip()


async def test_libmodbus_reads_every_device_and_its_refusals(look: Path) -> None:
    site = load_site(shipped_configs() / "site.example.toml")
    async with SimulatedSite(site, 1, Serving(any_port=True)) as house:
        lift, plant = (int(house.buses[BusName(name)].where.rsplit(":", 1)[1]) for name in ("lift", "plant"))
        assert await ask(look, lift, 1, 3, 0x1011, 1) == "1750"
        assert await ask(look, plant, 1, 4, 337, 1) == await ask(look, plant, 2, 4, 337, 1) == "4800"
        assert len((await ask(look, plant, 10, 4, 0, 125)).split()) == 125
        assert 2200 < int(await ask(look, plant, 11, 3, 97, 1)) < 2400
        assert len((await ask(look, plant, 20, 3, 0, 5)).split()) == 5
        assert await ask(look, lift, 1, 3, 0x1000, 1) == "Illegal data address"
        assert await ask(look, lift, 1, 4, 0x1010, 1) == "Illegal function"
        assert await ask(look, plant, 9, 3, 0, 1, HASTY) == "Connection timed out"
