/* File operations below one folder: counted, failed, cut short, or the moment of a kill.

   Preloaded into a process (LD_PRELOAD) and switched on by fault_arm(), so that interpreter and
   imports run undisturbed. Counts opens for writing, writes, syncs, renames, removals, folders,
   truncations and allocations of files whose path begins with the folder; reads too, if asked.
   fault_clock() shifts the wall clock from its n-th reading on; the monotonic clock is left alone,
   as kernels do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { COUNT, FAIL, FAIL_FROM_HERE, KILL_BEFORE, KILL_INSIDE, KILL_AFTER, SHORT };
enum { SPACE = 1, OTHER = 2, READING = 4 };

#define FILES 65536
static char below[PATH_MAX];
static size_t below_length;
static int mode, error_number, kinds;
static long wanted;
static atomic_long seen;
static unsigned char watched[FILES];

void fault_arm(const char *folder, int how, long number, int error, int which) {
    strncpy(below, folder, sizeof below - 1);
    mode = how, wanted = number, error_number = error, kinds = which;
    atomic_store(&seen, 0);
    below_length = strlen(below);
}

long fault_count(void) { return atomic_load(&seen); }

static void die(void) {
    kill(0, SIGKILL); /* the whole process group: a trial has one of its own */
    for (;;) pause();
}

static int is_below(int folder, const char *path) {
    if (!below_length || !path) return 0;
    if (path[0] == '/') return !strncmp(path, below, below_length);
    if (folder != AT_FDCWD) return folder >= 0 && folder < FILES && watched[folder];
    char here[PATH_MAX + 1];
    if (!getcwd(here, sizeof here - 1)) return 0;
    strcat(here, "/");
    return !strncmp(here, below, below_length);
}

static int is_watched(int file) { return below_length && file >= 0 && file < FILES && watched[file]; }

/* Whether this operation is to fail. After it, `after` says whether to die once it is done. */
static int strikes(int kind, int *after) {
    *after = 0;
    if (!(kinds & kind)) return 0;
    long number = atomic_fetch_add(&seen, 1) + 1;
    if (mode == FAIL_FROM_HERE && number >= wanted) { errno = error_number; return 1; }
    if (number != wanted) return 0;
    switch (mode) {
    case FAIL: errno = error_number; return 1;
    case KILL_BEFORE: die(); break;
    case KILL_AFTER: case KILL_INSIDE: case SHORT: *after = mode; break;
    }
    return 0;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, name)
#define DONE(after) do { if (after == KILL_AFTER || after == KILL_INSIDE) die(); } while (0)

static int opened(int file, int folder, const char *path) {
    if (file >= 0 && file < FILES) watched[file] = is_below(folder, path);
    return file;
}

#define OPEN_BODY(folder, call) \
    int permission = 0, after = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); \
        permission = va_arg(rest, int); va_end(rest); } \
    int kind = flags & O_CREAT ? SPACE : flags & O_ACCMODE ? OTHER : READING; \
    if (is_below(folder, path) && strikes(kind, &after)) return -1; \
    int file = opened(call, folder, path); \
    DONE(after); \
    return file;

int open(const char *path, int flags, ...) {
    REAL(int, "open", const char *, int, ...);
    OPEN_BODY(AT_FDCWD, real(path, flags, permission))
}
int open64(const char *path, int flags, ...) {
    REAL(int, "open64", const char *, int, ...);
    OPEN_BODY(AT_FDCWD, real(path, flags, permission))
}
int openat(int folder, const char *path, int flags, ...) {
    REAL(int, "openat", int, const char *, int, ...);
    OPEN_BODY(folder, real(folder, path, flags, permission))
}
int openat64(int folder, const char *path, int flags, ...) {
    REAL(int, "openat64", int, const char *, int, ...);
    OPEN_BODY(folder, real(folder, path, flags, permission))
}
int close(int file) {
    REAL(int, "close", int);
    if (file >= 0 && file < FILES) watched[file] = 0;
    return real(file);
}

/* A write that is struck "inside" leaves half of its bytes; a short one returns with half of them. */
#define WRITE_BODY(call, half) \
    int after = 0; \
    if (is_watched(file) && strikes(SPACE, &after)) return -1; \
    if ((after == KILL_INSIDE || after == SHORT) && size > 1) size = half; \
    ssize_t done = call; \
    DONE(after); \
    return done;

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    WRITE_BODY(real(file, bytes, size), size / 2)
}
ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    WRITE_BODY(real(file, bytes, size, offset), size / 2)
}
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    WRITE_BODY(real(file, bytes, size, offset), size / 2)
}
ssize_t writev(int file, const struct iovec *parts, int size) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    WRITE_BODY(real(file, parts, size), size - 1)
}

#define PLAIN(type, kind, here, call) \
    int after = 0; \
    if ((here) && strikes(kind, &after)) return -1; \
    type done = call; \
    DONE(after); \
    return done;

ssize_t read(int file, void *bytes, size_t size) {
    REAL(ssize_t, "read", int, void *, size_t);
    PLAIN(ssize_t, READING, is_watched(file), real(file, bytes, size))
}
ssize_t pread64(int file, void *bytes, size_t size, off64_t offset) {
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
    PLAIN(ssize_t, READING, is_watched(file), real(file, bytes, size, offset))
}
int fsync(int file) { REAL(int, "fsync", int); PLAIN(int, OTHER, is_watched(file), real(file)) }
int fdatasync(int file) { REAL(int, "fdatasync", int); PLAIN(int, OTHER, is_watched(file), real(file)) }
int ftruncate(int file, off_t size) {
    REAL(int, "ftruncate", int, off_t);
    PLAIN(int, SPACE, is_watched(file), real(file, size))
}
int ftruncate64(int file, off64_t size) {
    REAL(int, "ftruncate64", int, off64_t);
    PLAIN(int, SPACE, is_watched(file), real(file, size))
}
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    PLAIN(int, OTHER, is_below(AT_FDCWD, to), real(from, to))
}
int renameat(int a, const char *from, int b, const char *to) {
    REAL(int, "renameat", int, const char *, int, const char *);
    PLAIN(int, OTHER, is_below(b, to), real(a, from, b, to))
}
int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    PLAIN(int, OTHER, is_below(AT_FDCWD, path), real(path))
}
int unlinkat(int folder, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    PLAIN(int, OTHER, is_below(folder, path), real(folder, path, flags))
}
int mkdir(const char *path, mode_t permission) {
    REAL(int, "mkdir", const char *, mode_t);
    PLAIN(int, SPACE, is_below(AT_FDCWD, path), real(path, permission))
}
int posix_fallocate(int file, off_t offset, off_t size) {
    REAL(int, "posix_fallocate", int, off_t, off_t);
    int after = 0;
    if (is_watched(file) && strikes(SPACE, &after)) return error_number;
    int done = real(file, offset, size);
    DONE(after);
    return done;
}
int posix_fallocate64(int file, off64_t offset, off64_t size) {
    REAL(int, "posix_fallocate64", int, off64_t, off64_t);
    int after = 0;
    if (is_watched(file) && strikes(SPACE, &after)) return error_number;
    int done = real(file, offset, size);
    DONE(after);
    return done;
}

static long shift, first_reading;
static atomic_long readings;

void fault_clock(long seconds, long reading) {
    first_reading = reading, shift = seconds;
    atomic_store(&readings, 0);
}
long fault_readings(void) { return atomic_load(&readings); }

static long shifted(void) {
    long reading = atomic_fetch_add(&readings, 1) + 1;
    return first_reading && reading >= first_reading ? shift : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int done = real(clock, now);
    if (!done && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shifted();
    return done;
}
int gettimeofday(struct timeval *now, void *zone) {
    REAL(int, "gettimeofday", struct timeval *, void *);
    int done = real(now, zone);
    if (!done) now->tv_sec += shifted();
    return done;
}
time_t time(time_t *out) {
    REAL(time_t, "time", time_t *);
    time_t now = real(0) + shifted();
    if (out) *out = now;
    return now;
}
