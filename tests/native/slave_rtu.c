/* A Modbus RTU slave on libmodbus, for tests: somebody else's idea of the protocol.
 *
 * use: slave_rtu DEVICE UNIT
 * Holding register a holds 1000 + a until it is written, input register a 2000 + a, coil a is a & 1; addresses from 500 on are
 * refused. 9600 8N1. */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE 500

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    modbus_t *context = modbus_new_rtu(argv[1], 9600, 'N', 8, 1);
    modbus_set_slave(context, atoi(argv[2]));
    if (modbus_connect(context)) {
        fprintf(stderr, "%s: %s\n", argv[1], modbus_strerror(errno));
        return 1;
    }
    modbus_mapping_t *map = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
    for (int i = 0; i < SIZE; i++) {
        map->tab_registers[i] = (uint16_t)(1000 + i);
        map->tab_input_registers[i] = (uint16_t)(2000 + i);
        map->tab_bits[i] = (uint8_t)(i & 1);
        map->tab_input_bits[i] = (uint8_t)(~i & 1);
    }
    uint8_t request[MODBUS_RTU_MAX_ADU_LENGTH];
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int length = modbus_receive(context, request);
        if (length > 0) modbus_reply(context, request, length, map);
        else if (length < 0 && errno == EIO) return 0;
    }
}
