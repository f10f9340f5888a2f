/* Preloaded into a server, makes every sync of a file take SLOW_FSYNC_MS longer: a cloud disk on a fast one.
 *
 * The delay comes after the real call and in the thread that made it, so all that a server can do is what it could do
 * on such a disk: other work meanwhile. Calls that bypass libc (raw system calls, io_uring) are not seen; whoever
 * preloads this has to check that the delay took. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int late(int result) {
    int error = errno;
    const char *text = getenv("SLOW_FSYNC_MS");
    long ms = text ? atol(text) : 0;
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (ms > 0 && nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
    errno = error;
    return result;
}

int fsync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return late(real(fd));
}

int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return late(real(fd));
}

int sync_file_range(int fd, off64_t from, off64_t bytes, unsigned int flags) {
    int (*real)(int, off64_t, off64_t, unsigned int) =
        (int (*)(int, off64_t, off64_t, unsigned int))dlsym(RTLD_NEXT, "sync_file_range");
    return late(real(fd, from, bytes, flags));
}

int msync(void *from, size_t bytes, int flags) {
    int (*real)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
    return flags & MS_SYNC ? late(real(from, bytes, flags)) : real(from, bytes, flags);
}
