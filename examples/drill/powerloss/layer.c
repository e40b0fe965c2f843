/*
 * A layer for LD_PRELOAD between a program and the C library: whatever changes or syncs files below one directory is
 * written, in its order and with its octets, to a journal. Nothing is really synced: what a sync makes durable is told by
 * the journal alone.
 *
 *   POWERLOSS_ROOT     the directory: absolute, without a / at its end
 *   POWERLOSS_JOURNAL  the file that the journal is appended to
 *
 * A record is a head of five numbers of 64 bits in the machine's order (kind, inode, offset, and the octets of the first
 * and of the second part) with the two parts behind it. What cannot be recorded is recorded as UNKNOWN, so that whoever
 * reads the journal knows that it is not complete. sync_file_range is no record: it promises nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, DIRECTORY, TRUNCATE, WRITE, SYNC, RENAME, UNLINK, UNKNOWN };

#define INODES 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_length;
static int journal = -1;
/* Of files and directories below the root that were opened: a hash table without removal. */
static uint64_t inodes[INODES];

__attribute__((constructor)) static void begin(void) {
    const char *directory = getenv("POWERLOSS_ROOT"), *file = getenv("POWERLOSS_JOURNAL");
    if (!directory || !file || strlen(directory) >= sizeof root) return;
    strcpy(root, directory);
    root_length = strlen(root);
    journal = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void fail(const char *why) {
    fprintf(stderr, "powerloss layer: %s\n", why);
    abort();
}

static int is_below(const char *path) {
    return journal >= 0 && path && !strncmp(path, root, root_length) &&
           (path[root_length] == 0 || path[root_length] == '/');
}

static uint64_t *place(uint64_t inode) {
    for (uint64_t i = inode * 0x9E3779B97F4A7C15u >> 48, n = 0; n < INODES; i = (i + 1) % INODES, n++)
        if (inodes[i] == inode || !inodes[i]) return &inodes[i];
    fail("too many files");
    return 0;
}

/* The inode of what is open as a file descriptor, if it is below the root; 0 otherwise. */
static uint64_t known(int fd) {
    struct stat about;
    if (journal < 0 || syscall(SYS_fstat, fd, &about)) return 0;
    if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) return 0;
    return *place(about.st_ino) == about.st_ino ? about.st_ino : 0;
}

/* Call it with the lock held. */
static void record(enum kind kind, uint64_t inode, uint64_t offset, const void *a, size_t a_length, const void *b,
                   size_t b_length) {
    int saved = errno;
    uint64_t head[5] = {kind, inode, offset, a_length, b_length};
    struct iovec parts[3] = {{head, sizeof head}, {(void *)a, a_length}, {(void *)b, b_length}};
    struct iovec *part = parts;
    while (part < parts + 3) {
        ssize_t written = syscall(SYS_writev, journal, part, parts + 3 - part);
        if (written < 0) fail("the journal cannot be written");
        while (part < parts + 3 && (size_t)written >= part->iov_len) written -= (part++)->iov_len;
        if (part < parts + 3) part->iov_base = (char *)part->iov_base + written, part->iov_len -= written;
    }
    errno = saved;
}

static const char *relative(const char *path) {
    path += root_length;
    while (*path == '/') path++;
    return path;
}

static int open_below(const char *path, int flags, mode_t mode) {
    pthread_mutex_lock(&lock);
    struct stat about;
    int was_there = !syscall(SYS_newfstatat, AT_FDCWD, path, &about, 0);
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && !syscall(SYS_fstat, fd, &about)) {
        *place(about.st_ino) = about.st_ino;
        if (flags & O_APPEND && (flags & O_ACCMODE) != O_RDONLY)
            record(UNKNOWN, 0, 0, "O_APPEND", 8, 0, 0);
        if (!was_there)
            record(CREATE, about.st_ino, 0, relative(path), strlen(relative(path)), 0, 0);
        else if (flags & O_TRUNC)
            record(TRUNCATE, about.st_ino, 0, 0, 0, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                           \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        MODE(flags)                                                                                                    \
        if (is_below(path)) return open_below(path, flags, mode);                                                      \
        return syscall(SYS_openat, AT_FDCWD, path, flags, mode);                                                       \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...) {                                                        \
        MODE(flags)                                                                                                    \
        if (is_below(path)) return open_below(path, flags, mode);                                                      \
        return syscall(SYS_openat, directory, path, flags, mode);                                                      \
    }
OPENAT(openat)
OPENAT(openat64)

static ssize_t write_known(uint64_t inode, int fd, const void *octets, size_t length, off_t offset) {
    pthread_mutex_lock(&lock);
    ssize_t written = syscall(SYS_pwrite64, fd, octets, length, offset);
    if (written > 0) record(WRITE, inode, offset, octets, written, 0, 0);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *octets, size_t length) {
    uint64_t inode = known(fd);
    if (!inode) return syscall(SYS_write, fd, octets, length);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t written = write_known(inode, fd, octets, length, offset);
    if (written > 0) lseek(fd, written, SEEK_CUR);
    return written;
}

#define PWRITE(name)                                                                                                   \
    ssize_t name(int fd, const void *octets, size_t length, off_t offset) {                                            \
        uint64_t inode = known(fd);                                                                                    \
        if (inode) return write_known(inode, fd, octets, length, offset);                                              \
        return syscall(SYS_pwrite64, fd, octets, length, offset);                                                      \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

static void unknown(int fd, const char *what) {
    if (!known(fd)) return;
    pthread_mutex_lock(&lock);
    record(UNKNOWN, 0, 0, what, strlen(what), 0, 0);
    pthread_mutex_unlock(&lock);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    unknown(fd, "writev");
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t length, unsigned flags) {
    unknown(to, "copy_file_range");
    return syscall(SYS_copy_file_range, from, at, to, there, length, flags);
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && flags & MAP_SHARED && protection & PROT_WRITE) unknown(fd, "mmap");
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}

#define FTRUNCATE(name)                                                                                                \
    int name(int fd, off_t length) {                                                                                   \
        uint64_t inode = known(fd);                                                                                    \
        if (!inode) return syscall(SYS_ftruncate, fd, length);                                                         \
        pthread_mutex_lock(&lock);                                                                                     \
        int done = syscall(SYS_ftruncate, fd, length);                                                                 \
        if (!done) record(TRUNCATE, inode, length, 0, 0, 0, 0);                                                        \
        pthread_mutex_unlock(&lock);                                                                                   \
        return done;                                                                                                   \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

static int sync_known(int fd, int number) {
    uint64_t inode = known(fd);
    if (!inode) return syscall(number, fd);
    pthread_mutex_lock(&lock);
    record(SYNC, inode, 0, 0, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) { return sync_known(fd, SYS_fsync); }

int fdatasync(int fd) { return sync_known(fd, SYS_fdatasync); }

int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    return known(fd) ? 0 : syscall(SYS_sync_file_range, fd, offset, length, flags);
}

static int rename_below(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    int done = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (!done)
        record(is_below(from) && is_below(to) ? RENAME : UNKNOWN, 0, 0, relative(from), strlen(relative(from)),
               relative(to), strlen(relative(to)));
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) {
    if (is_below(from) || is_below(to)) return rename_below(from, to);
    return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int unlink_below(const char *path, int flags) {
    pthread_mutex_lock(&lock);
    int done = syscall(SYS_unlinkat, AT_FDCWD, path, flags);
    if (!done) record(UNLINK, 0, 0, relative(path), strlen(relative(path)), 0, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int unlink(const char *path) {
    return is_below(path) ? unlink_below(path, 0) : syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
    return is_below(path) ? unlink_below(path, AT_REMOVEDIR) : syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdir(const char *path, mode_t mode) {
    if (!is_below(path)) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    pthread_mutex_lock(&lock);
    struct stat about;
    int done = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (!done && !syscall(SYS_newfstatat, AT_FDCWD, path, &about, 0)) {
        *place(about.st_ino) = about.st_ino;
        record(DIRECTORY, about.st_ino, 0, relative(path), strlen(relative(path)), 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int linkat(int from, const char *old, int to, const char *path, int flags) {
    if (is_below(old) || is_below(path)) fail("linkat");
    return syscall(SYS_linkat, from, old, to, path, flags);
}
