/* A USB camera where there is none, by LD_PRELOAD: what FFmpeg asks of a V4L2 device at V4L2_PATH is answered here.
 *
 * V4L2_PATH  the device's name, such as /dev/video77; all other files pass
 * V4L2_JPEG  a picture; a camera that has one gives MJPEG, else YUYV
 * V4L2_PLAN  a file of four 32-bit integers, mapped and changed by the test while the program runs: errno of open, errno of taking a
 *            picture (0: well, -1: it hangs for ever), whether it is a device that gives no pictures (a radio), how many pictures were given */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 320, HEIGHT = 240, BUFFERS = 8, ROOM = WIDTH * HEIGHT * 2, SLOT = 40 * 4096, FDS = 1024, PERIOD_NS = 40000000 };
enum { OPEN_ERRNO, TAKE_ERRNO, IS_RADIO, GIVEN };

static volatile int *plan;
static const char *path;
static unsigned char *jpeg;
static size_t jpeg_size;
static unsigned char ours[FDS], queue[BUFFERS];
static int queued;

#define REAL(type, name, ...)                                        \
    static type (*real_##name)(__VA_ARGS__);                         \
    if (!real_##name) real_##name = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    REAL(int, open, const char *, int, ...);
    const char *plan_path = getenv("V4L2_PLAN"), *picture = getenv("V4L2_JPEG");
    struct stat about;
    path = getenv("V4L2_PATH");
    int fd = path && plan_path ? real_open(plan_path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *found = mmap(0, 4 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found != MAP_FAILED) plan = found;
    if (picture && (fd = real_open(picture, O_RDONLY | O_CLOEXEC)) >= 0) {
        if (fstat(fd, &about) == 0 && about.st_size <= ROOM && (jpeg = malloc(about.st_size)))
            jpeg_size = read(fd, jpeg, about.st_size) == about.st_size ? (size_t)about.st_size : 0;
        close(fd);
    }
}

static int opened(int flags) {
    if (plan[OPEN_ERRNO]) return errno = plan[OPEN_ERRNO], -1;
    int fd = memfd_create("camera", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    if (fd < 0 || fd >= FDS || ftruncate(fd, BUFFERS * SLOT)) return -1;
    ours[fd] = 1;
    queued = 0;
    return fd;
}

int open(const char *name, int flags, ...) {
    REAL(int, open, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return plan && strcmp(name, path) == 0 ? opened(flags) : real_open(name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    REAL(int, open64, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return plan && strcmp(name, path) == 0 ? opened(flags) : real_open64(name, flags, mode);
}

int close(int fd) {
    REAL(int, close, int);
    if (fd >= 0 && fd < FDS) ours[fd] = 0;
    return real_close(fd);
}

static int format(struct v4l2_format *asked) {
    struct v4l2_pix_format *pix = &asked->fmt.pix;
    memset(pix, 0, sizeof *pix);
    pix->width = WIDTH, pix->height = HEIGHT, pix->field = V4L2_FIELD_NONE, pix->sizeimage = ROOM;
    pix->pixelformat = jpeg_size ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
    pix->bytesperline = jpeg_size ? 0 : WIDTH * 2;
    return 0;
}

/* The next picture: a wall with a bar that wanders, or the same JPEG each time. */
static size_t draw(unsigned char *to, int number) {
    if (jpeg_size) return memcpy(to, jpeg, jpeg_size), jpeg_size;
    for (int at = 0; at < ROOM; at += 2) {
        int x = at / 2 % WIDTH, y = at / 2 / WIDTH;
        to[at] = x / 16 % 2 == y / 16 % 2 ? 90 : 150;
        if (x / 8 == number % (WIDTH / 8)) to[at] = 230;
        to[at + 1] = 128;
    }
    return ROOM;
}

static int take(int fd, struct v4l2_buffer *buffer) {
    struct timespec pause = {0, PERIOD_NS}, now;
    nanosleep(&pause, 0);
    while (plan[TAKE_ERRNO] < 0) nanosleep(&pause, 0);
    if (plan[TAKE_ERRNO]) return errno = plan[TAKE_ERRNO], -1;
    if (!queued) return errno = EAGAIN, -1;
    int index = queue[0];
    memmove(queue, queue + 1, --queued);
    void *to = mmap(0, ROOM, PROT_WRITE, MAP_SHARED, fd, (off_t)index * SLOT);
    if (to == MAP_FAILED) return -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->index = index, buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->bytesused = draw(to, plan[GIVEN]++);
    buffer->timestamp.tv_sec = now.tv_sec, buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    munmap(to, ROOM);
    return 0;
}

static int asked(int fd, unsigned long request, void *arg) {
    struct v4l2_capability *able = arg;
    struct v4l2_buffer *buffer = arg;
    struct v4l2_streamparm *rate = arg;
    switch (request) {
    case VIDIOC_QUERYCAP:
        memset(able, 0, sizeof *able);
        able->capabilities = V4L2_CAP_STREAMING | (plan[IS_RADIO] ? V4L2_CAP_RADIO : V4L2_CAP_VIDEO_CAPTURE);
        return 0;
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT: return format(arg);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
        rate->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        rate->parm.capture.timeperframe = (struct v4l2_fract){1, 25};
        return 0;
    case VIDIOC_G_INPUT: return *(int *)arg = 0, 0;
    case VIDIOC_ENUMINPUT: return ((struct v4l2_input *)arg)->index ? (errno = EINVAL, -1) : 0;
    case VIDIOC_REQBUFS: return ((struct v4l2_requestbuffers *)arg)->count = BUFFERS, 0;
    case VIDIOC_QUERYBUF: return buffer->length = ROOM, buffer->m.offset = buffer->index * SLOT, 0;
    case VIDIOC_QBUF: return queued < BUFFERS ? queue[queued++] = buffer->index, 0 : (errno = EINVAL, -1);
    case VIDIOC_DQBUF: return take(fd, buffer);
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF: return 0;
    }
    return errno = ENOTTY, -1;
}

int ioctl(int fd, unsigned long request, ...) {
    REAL(int, ioctl, int, unsigned long, ...);
    va_list rest;
    va_start(rest, request);
    void *arg = va_arg(rest, void *);
    va_end(rest);
    return fd >= 0 && fd < FDS && ours[fd] ? asked(fd, request & 0xffffffff, arg) : real_ioctl(fd, request, arg);
}
