/* A Modbus client on libmodbus that reads as fast as it can: the floor that measurements are compared with.
 *
 * use: client PORT|DEVICE COUNT SECONDS
 * Modbus TCP to a port of this machine, or Modbus RTU (115200 8N1) through a device such as /dev/pts/3.
 * prints: transactions wall_seconds cpu_seconds */
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    modbus_t *context =
        argv[1][0] == '/' ? modbus_new_rtu(argv[1], 115200, 'N', 8, 1) : modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    int count = atoi(argv[2]);
    double wanted = atof(argv[3]);
    uint16_t registers[MODBUS_MAX_READ_REGISTERS];
    if (!context) return 1;
    modbus_set_slave(context, 1);
    if (modbus_connect(context)) return 1;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    long done = 0;
    while (seconds(CLOCK_MONOTONIC) - wall < wanted) {
        if (modbus_read_registers(context, 0, count, registers) != count) return 1;
        done++;
    }
    printf("%ld %f %f\n", done, seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}
