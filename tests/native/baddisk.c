/* A disk that fails on demand, for one directory, by LD_PRELOAD: the calls of SQLite and Python pass through here.
 *
 * BADDISK_DIR   calls on files below it are looked at, all others pass
 * BADDISK_PLAN  a file of five 32-bit integers, mapped and changed by the test while the program runs:
 *               op (0 none, 1 write, 2 fsync, 3 rename, 4 unlink, 5 open), action (1 EIO, 2 ENOSPC, 3 kill -9 before the call,
 *               4 half of the bytes, 5 say yes and do nothing, 6 EROFS, 7 hang until the plan is another), the call at which it begins,
 *               how often (-1 for ever), hits */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { NONE, WRITE, FSYNC, RENAME, UNLINK, OPEN };
enum { PASS, FAIL_EIO, FAIL_FULL, KILL, HALF, LIE, FAIL_READ_ONLY, HANG };

static volatile int *plan;
static const char *directory;
static size_t length;

#define REAL(type, name, ...)                                        \
    static type (*real_##name)(__VA_ARGS__);                         \
    if (!real_##name) real_##name = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    REAL(int, open, const char *, int, ...);
    const char *path = getenv("BADDISK_PLAN");
    directory = getenv("BADDISK_DIR");
    if (!path || !directory) return;
    length = strlen(directory);
    int fd = real_open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *found = mmap(0, 5 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found != MAP_FAILED) plan = found;
}

static int below(const char *path) { return plan && strncmp(path, directory, length) == 0 && path[length] == '/'; }

static int fd_below(int fd) {
    char link[40], path[4096];
    if (!plan) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return below(path);
}

/* What is to happen to this call; errno is set where it is to fail. */
static int verdict(int op) {
    if (plan[0] != op || plan[3] == 0) return PASS;
    if (plan[2] > 1) {
        plan[2]--;
        return PASS;
    }
    if (plan[3] > 0) plan[3]--;
    plan[4]++;
    switch (plan[1]) {
        case KILL: kill(getpid(), SIGKILL); pause(); break;
        case FAIL_EIO: errno = EIO; break;
        case FAIL_FULL: errno = ENOSPC; break;
        case FAIL_READ_ONLY: errno = EROFS; break;
        case HANG:
            while (plan[0] == op && plan[1] == HANG) usleep(10000);
            return PASS;
    }
    return plan[1];
}

static int fails(int what) { return what == FAIL_EIO || what == FAIL_FULL || what == FAIL_READ_ONLY; }

#define WRITES(name, offset_type)                                                          \
    ssize_t name(int fd, const void *data, size_t size, offset_type at) {                   \
        REAL(ssize_t, name, int, const void *, size_t, offset_type);                        \
        int what = fd_below(fd) ? verdict(WRITE) : PASS;                                    \
        if (fails(what)) return -1;                                                         \
        if (what == LIE) return (ssize_t)size;                                              \
        return real_##name(fd, data, what == HALF && size > 1 ? size / 2 : size, at);       \
    }
WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    int what = fd_below(fd) ? verdict(WRITE) : PASS;
    if (fails(what)) return -1;
    if (what == LIE) return (ssize_t)size;
    return real_write(fd, data, what == HALF && size > 1 ? size / 2 : size);
}

#define SYNCS(name)                                              \
    int name(int fd) {                                           \
        REAL(int, name, int);                                    \
        int what = fd_below(fd) ? verdict(FSYNC) : PASS;         \
        return fails(what) ? -1 : what == LIE ? 0 : real_##name(fd); \
    }
SYNCS(fsync)
SYNCS(fdatasync)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    int what = below(from) ? verdict(RENAME) : PASS;
    return fails(what) ? -1 : what == LIE ? 0 : real_rename(from, to);
}

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    int what = below(path) ? verdict(UNLINK) : PASS;
    return fails(what) ? -1 : what == LIE ? 0 : real_unlink(path);
}

#define OPENS(name)                                                        \
    int name(const char *path, int flags, ...) {                           \
        REAL(int, name, const char *, int, ...);                           \
        va_list rest;                                                      \
        va_start(rest, flags);                                             \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                      \
        return below(path) && fails(verdict(OPEN)) ? -1 : real_##name(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)
