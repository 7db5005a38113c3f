/* A Modbus TCP slave on libmodbus, for tests and measurements: somebody else's idea of the protocol.
 *
 * use: slave PORT [UNIT...]
 * Serves any number of connections from one process with poll(2). Without units every unit id answers; with units the
 * others are silent, as a bus behind a gateway would be. Registers 0..1999 of both register tables hold (seconds + address)
 * modulo 65536, so every poll a second later sees changed values, except that written holding registers 1000..1999 and coils
 * keep what was written. */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS 600
#define SIZE 2000
#define FIRST_KEPT 1000

static int served(int unit, int count, char **units) {
    if (count == 0) return 1;
    for (int i = 0; i < count; i++)
        if (atoi(units[i]) == unit) return 1;
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 256)) return 1;
    modbus_t *context = modbus_new_tcp("127.0.0.1", 1);
    modbus_mapping_t *map = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
    struct pollfd watched[MAX_CLIENTS + 1] = {{.fd = listener, .events = POLLIN}};
    int clients = 0;
    time_t shown = 0;
    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        if (poll(watched, clients + 1, -1) < 0) {
            if (errno == EINTR) continue;
            return 1;
        }
        if ((watched[0].revents & POLLIN) && clients < MAX_CLIENTS) {
            int fd = accept(listener, 0, 0);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            watched[++clients] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
        time_t now = time(0);
        if (now != shown) {
            for (int i = 0; i < SIZE; i++) map->tab_input_registers[i] = (uint16_t)(now + i);
            for (int i = 0; i < FIRST_KEPT; i++) map->tab_registers[i] = (uint16_t)(now + i);
            shown = now;
        }
        for (int i = 1; i <= clients; i++) {
            if (!watched[i].revents) continue;
            modbus_set_socket(context, watched[i].fd);
            int length = modbus_receive(context, request);
            if (length < 0) {
                close(watched[i].fd);
                watched[i--] = watched[clients--];
                continue;
            }
            if (length > 6 && served(request[6], argc - 2, argv + 2)) modbus_reply(context, request, length, map);
        }
    }
}
