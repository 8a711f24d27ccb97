// A layer between a process and its files that remembers what was not synced.
//
// Loaded with LD_PRELOAD. Every change of a file or a folder below UNSYNCED_ROOT is written to
// UNSYNCED_JOURNAL/journal with what is needed to undo it, and every sync with how much of the
// journal it makes last. UNSYNCED_JOURNAL/files has a hard link to each file under the number of its
// inode, so that it can be found whatever happens to its names. Both outlive SIGKILL: they are in the
// page cache, which only a machine loses. unsynced.py then undoes what a machine would have lost.
//
// A change of content is written down before it happens, so that it is known however far it got; one
// of a folder after it has happened. What this layer cannot follow (shared mappings, copies
// inside the kernel) ends the process with a message. Files opened through stdio are not seen.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// The record kinds, with what their fields mean.
enum {
    WRITE = 1,      // first: offset; second: bytes; third: size before; old bytes, or fourth zeros
    SIZE,           // first: offset of the old bytes that are cut off; third: size before
    SYNC,           // first: changes of the file before this place in the journal last
    CREATE,         // first: folder; name
    UNLINK,         // first: folder; name
    RENAME,         // first, second: folder before and after; third: replaced inode or 0; name, to
    SYNC_FOLDER,    // first: as SYNC, of the folder's entries
    MAKE_FOLDER,    // first: folder; name
    REMOVE_FOLDER,  // first: folder; name
};

struct record {
    uint32_t length;  // Of all, header included.
    uint32_t kind;
    uint64_t inode, first, second, third, fourth;
    uint16_t name, to;  // Bytes that follow, in this order.
    uint32_t old;
};

_Static_assert(sizeof(struct record) == 56, "unsynced.py reads 56 bytes");

// Guards everything below, and the order of the journal.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static uint64_t position;  // Bytes in the journal.

static struct watched {
    uint64_t inode;  // 0: free
    int reader;      // For what a write replaces; -1 until it is needed.
} *table;
static size_t capacity, count;

static char root[PATH_MAX], own[PATH_MAX];
static size_t root_length, own_length;

#define REAL(type, name, ...)                                            \
    static type (*real)(__VA_ARGS__);                                    \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);

static void die(const char *what) {
    dprintf(2, "unsynced: %s: %s\n", what, strerror(errno));
    abort();
}

static int real_open(int folder, const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
    const char *watched_folder = getenv("UNSYNCED_ROOT"), *folder = getenv("UNSYNCED_JOURNAL");
    if (!watched_folder || !folder) return;
    if (!realpath(watched_folder, root) || !realpath(folder, own)) die("the folders");
    root_length = strlen(root);
    own_length = strlen(own);
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/journal", own);
    journal = real_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    struct stat status;
    if (journal < 0 || fstat(journal, &status)) die(path);
    position = (uint64_t)status.st_size;
}

// The journal. All of the following is called with the lock held.

static void put(struct record record, const char *name, const char *to, const void *old) {
    record.name = name ? (uint16_t)strlen(name) : 0;
    record.to = to ? (uint16_t)strlen(to) : 0;
    record.length = (uint32_t)(sizeof record + record.name + record.to + record.old);
    struct iovec parts[4] = {
        {&record, sizeof record},
        {(void *)name, record.name},
        {(void *)to, record.to},
        {(void *)old, record.old},
    };
    for (int part = 0; part < 4;) {
        ssize_t written = syscall(SYS_writev, journal, parts + part, 4 - part);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) die("writing the journal");
        while (part < 4 && (size_t)written >= parts[part].iov_len) {
            written -= (ssize_t)parts[part++].iov_len;
        }
        if (part < 4) {
            parts[part].iov_base = (char *)parts[part].iov_base + written;
            parts[part].iov_len -= (size_t)written;
        }
    }
    position += record.length;
}

static bool is_below(const char *path, const char *folder, size_t length) {
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static bool is_watched(const char *path) {
    return is_below(path, root, root_length) && !is_below(path, own, own_length);
}

static struct watched *find(uint64_t inode) {
    if (!capacity) return NULL;
    size_t at = (inode * 0x9E3779B97F4A7C15u >> 20) & (capacity - 1);
    while (table[at].inode && table[at].inode != inode) at = (at + 1) & (capacity - 1);
    return &table[at];
}

static void saved_path(char *path, uint64_t inode) {
    snprintf(path, PATH_MAX + 32, "%s/files/%llu", own, (unsigned long long)inode);
}

/// Keeps a file for as long as the journal, whatever becomes of its name.
static void keep(const char *path, uint64_t inode) {
    struct watched *known = find(inode);
    if (known && known->inode) return;
    char saved[PATH_MAX + 32];
    saved_path(saved, inode);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, saved, 0) && errno != EEXIST) die(path);
    if (2 * (count + 1) > capacity) {
        struct watched *before = table;
        size_t slots = capacity;
        capacity = slots ? 2 * slots : 1024;
        table = calloc(capacity, sizeof *table);
        if (!table) die("memory");
        for (size_t at = 0; at < slots; at++) {
            if (before[at].inode) *find(before[at].inode) = before[at];
        }
        free(before);
    }
    *find(inode) = (struct watched){inode, -1};
    count++;
}

/// The file behind a descriptor, if it is watched.
static struct watched *behind(int file, struct stat *status) {
    if (journal < 0 || fstat(file, status) || !S_ISREG(status->st_mode)) return NULL;
    struct watched *found = find(status->st_ino);
    return found && found->inode ? found : NULL;
}

/// Writes down what a change of content is about to replace: bytes `offset ..< end` of the file.
static void put_content(
    struct watched *file, uint32_t kind, uint64_t offset, uint64_t bytes, uint64_t size) {
    uint64_t end = kind == SIZE ? size : offset + bytes;
    if (end > size) end = size;
    struct record record = {
        .kind = kind, .inode = file->inode, .first = offset, .second = bytes, .third = size};
    if (offset >= end) {
        put(record, NULL, NULL, NULL);
        return;
    }
    uint64_t length = end - offset;
    if (length > UINT32_MAX - 4096) die("a change of more than 4 GiB");
    char *old = malloc(length);
    if (!old) die("memory");
    if (file->reader < 0) {
        char saved[PATH_MAX + 32];
        saved_path(saved, file->inode);
        file->reader = real_open(AT_FDCWD, saved, O_RDONLY | O_CLOEXEC, 0);
        if (file->reader < 0) die(saved);
    }
    uint64_t filled = 0;
    while (filled < length) {
        ssize_t part = pread(file->reader, old + filled, length - filled, (off_t)(offset + filled));
        if (part < 0) die("reading what is replaced");
        if (part == 0) break;  // Another thread has cut it.
        filled += (uint64_t)part;
    }
    bool is_zero = true;
    for (uint64_t at = 0; at < filled && is_zero; at++) is_zero = old[at] == 0;
    if (is_zero) {
        record.fourth = filled;
    } else {
        record.old = (uint32_t)filled;
    }
    put(record, NULL, NULL, old);
    free(old);
}

/// The folder and the name that a path ends in.
struct place {
    bool watched;
    uint64_t folder;
    char name[NAME_MAX + 1];
    char path[PATH_MAX];
};

static struct place resolve(int folder, const char *path) {
    struct place place = {0};
    if (journal < 0 || !path || strlen(path) >= PATH_MAX) return place;
    char parent[PATH_MAX];
    strcpy(parent, path);
    size_t length = strlen(parent);
    while (length > 1 && parent[length - 1] == '/') parent[--length] = 0;
    char *slash = strrchr(parent, '/');
    const char *name = slash ? slash + 1 : parent;
    if (strlen(name) > NAME_MAX) return place;
    strcpy(place.name, name);
    if (!slash) {
        strcpy(parent, ".");
    } else if (slash == parent) {
        slash[1] = 0;
    } else {
        *slash = 0;
    }
    int opened = real_open(folder, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (opened < 0) return place;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", opened);
    ssize_t bytes = readlink(link, place.path, sizeof place.path - NAME_MAX - 2);
    struct stat status;
    if (bytes > 0 && fstat(opened, &status) == 0) {
        place.path[bytes] = 0;
        place.folder = status.st_ino;
        place.watched = is_watched(place.path);
        strcat(place.path, "/");
        strcat(place.path, place.name);
        place.watched = place.watched && is_watched(place.path);
    }
    close(opened);
    return place;
}

static void put_entry(uint32_t kind, const struct place *place, uint64_t inode) {
    put((struct record){.kind = kind, .inode = inode, .first = place->folder}, place->name, NULL,
        NULL);
}

// What the process calls.

static int open_watched(int folder, const char *path, int flags, mode_t mode) {
    bool changes = (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0;
    if (!changes || (flags & (O_PATH | O_DIRECTORY))) return real_open(folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct place place = resolve(folder, path);
    if (!place.watched) {
        pthread_mutex_unlock(&lock);
        return real_open(folder, path, flags, mode);
    }
    struct stat status;
    bool existed = fstatat(AT_FDCWD, place.path, &status, 0) == 0;
    int file = real_open(folder, path, flags & ~O_TRUNC, mode);
    int error = errno;
    if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
        keep(place.path, status.st_ino);
        if (!existed) put_entry(CREATE, &place, status.st_ino);
        if ((flags & O_TRUNC) && status.st_size > 0) {
            put_content(find(status.st_ino), SIZE, 0, 0, (uint64_t)status.st_size);
            if (syscall(SYS_ftruncate, file, 0)) die(place.path);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return file;
}

static mode_t mode_of(int flags, va_list arguments) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                           \
    int name(const char *path, int flags, ...) {             \
        va_list arguments;                                   \
        va_start(arguments, flags);                          \
        mode_t mode = mode_of(flags, arguments);             \
        va_end(arguments);                                   \
        return open_watched(AT_FDCWD, path, flags, mode);    \
    }
#define OPENAT(name)                                         \
    int name(int folder, const char *path, int flags, ...) { \
        va_list arguments;                                   \
        va_start(arguments, flags);                          \
        mode_t mode = mode_of(flags, arguments);             \
        va_end(arguments);                                   \
        return open_watched(folder, path, flags, mode);      \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode) {
    return open_watched(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }
// What a fortified build calls.
int __open_2(const char *path, int flags) { return open_watched(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_watched(AT_FDCWD, path, flags, 0); }
int __openat_2(int folder, const char *path, int flags) {
    return open_watched(folder, path, flags, 0);
}
int __openat64_2(int folder, const char *path, int flags) {
    return open_watched(folder, path, flags, 0);
}

/// Writes down that `bytes` are about to be written, at `offset` or where the file stands.
static void before_write(int file, off_t offset, uint64_t bytes) {
    int error = errno;
    struct stat status;
    pthread_mutex_lock(&lock);
    struct watched *watched = bytes ? behind(file, &status) : NULL;
    if (watched) {
        int flags = fcntl(file, F_GETFL);
        if (flags & O_APPEND) {
            offset = status.st_size;
        } else if (offset < 0) {
            offset = lseek(file, 0, SEEK_CUR);
        }
        put_content(watched, WRITE, (uint64_t)offset, bytes, (uint64_t)status.st_size);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
}

/// Writes down that what was in the journal at `upto` lasts.
static void after_sync(int file, uint64_t upto) {
    int error = errno;
    struct stat status;
    if (journal >= 0 && fstat(file, &status) == 0) {
        pthread_mutex_lock(&lock);
        bool is_folder = S_ISDIR(status.st_mode);
        struct watched *watched = is_folder ? NULL : find(status.st_ino);
        if (is_folder || (watched && watched->inode)) {
            put((struct record){
                    .kind = is_folder ? SYNC_FOLDER : SYNC, .inode = status.st_ino, .first = upto},
                NULL, NULL, NULL);
        }
        pthread_mutex_unlock(&lock);
    }
    errno = error;
}

static uint64_t journal_position(void) {
    pthread_mutex_lock(&lock);
    uint64_t now = position;
    pthread_mutex_unlock(&lock);
    return now;
}

/// A file that was opened to be synced with every write.
static ssize_t after_write(int file, ssize_t written) {
    int error = errno;
    if (journal >= 0 && written > 0) {
        int flags = fcntl(file, F_GETFL);
        if (flags != -1 && (flags & O_DSYNC)) after_sync(file, journal_position());
    }
    errno = error;
    return written;
}

static uint64_t total(const struct iovec *parts, int part_count) {
    uint64_t bytes = 0;
    for (int part = 0; part < part_count; part++) bytes += parts[part].iov_len;
    return bytes;
}

ssize_t write(int file, const void *bytes, size_t length) {
    before_write(file, -1, length);
    return after_write(file, syscall(SYS_write, file, bytes, length));
}
ssize_t writev(int file, const struct iovec *parts, int part_count) {
    before_write(file, -1, total(parts, part_count));
    return after_write(file, syscall(SYS_writev, file, parts, part_count));
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    before_write(file, offset, length);
    return after_write(file, syscall(SYS_pwrite64, file, bytes, length, offset));
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    return pwrite(file, bytes, length, offset);
}
ssize_t pwritev(int file, const struct iovec *parts, int part_count, off_t offset) {
    REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t)
    before_write(file, offset, total(parts, part_count));
    return after_write(file, real(file, parts, part_count, offset));
}
ssize_t pwritev64(int file, const struct iovec *parts, int part_count, off64_t offset) {
    return pwritev(file, parts, part_count, offset);
}
ssize_t pwritev2(int file, const struct iovec *parts, int part_count, off_t offset, int flags) {
    REAL(ssize_t, pwritev2, int, const struct iovec *, int, off_t, int)
    before_write(file, offset, total(parts, part_count));
    ssize_t written = real(file, parts, part_count, offset, flags);
    if (written > 0 && (flags & (RWF_DSYNC | RWF_SYNC))) after_sync(file, journal_position());
    return after_write(file, written);
}
ssize_t pwritev64v2(int file, const struct iovec *parts, int part_count, off64_t offset, int flags) {
    return pwritev2(file, parts, part_count, offset, flags);
}

int fsync(int file) {
    uint64_t upto = journal_position();
    int result = (int)syscall(SYS_fsync, file);
    if (result == 0) after_sync(file, upto);
    return result;
}
int fdatasync(int file) {
    uint64_t upto = journal_position();
    int result = (int)syscall(SYS_fdatasync, file);
    if (result == 0) after_sync(file, upto);
    return result;
}

/// Writes down that a file's size is about to change.
static void before_size(int file, off_t size) {
    int error = errno;
    struct stat status;
    pthread_mutex_lock(&lock);
    struct watched *watched = behind(file, &status);
    if (watched && size != status.st_size) {
        put_content(watched, SIZE, (uint64_t)size, 0, (uint64_t)status.st_size);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
}

int ftruncate(int file, off_t size) {
    before_size(file, size);
    return (int)syscall(SYS_ftruncate, file, size);
}
int ftruncate64(int file, off64_t size) { return ftruncate(file, size); }

int truncate(const char *path, off_t size) {
    int file = open_watched(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (file < 0) return -1;
    int result = ftruncate(file, size);
    close(file);
    return result;
}
int truncate64(const char *path, off64_t size) { return truncate(path, size); }

static void before_allocation(int file, off_t offset, off_t length) {
    struct stat status;
    if (fstat(file, &status) == 0 && offset + length > status.st_size) {
        before_size(file, offset + length);
    }
}

int fallocate(int file, int mode, off_t offset, off_t length) {
    if (mode == 0) {
        before_allocation(file, offset, length);
    } else if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
        if (!(mode & FALLOC_FL_KEEP_SIZE)) before_allocation(file, offset, length);
        before_write(file, offset, (uint64_t)length);
    } else if (mode != FALLOC_FL_KEEP_SIZE) {
        die("fallocate of an unknown mode");
    }
    return (int)syscall(SYS_fallocate, file, mode, offset, length);
}
int fallocate64(int file, int mode, off64_t offset, off64_t length) {
    return fallocate(file, mode, offset, length);
}
int posix_fallocate(int file, off_t offset, off_t length) {
    REAL(int, posix_fallocate, int, off_t, off_t)
    before_allocation(file, offset, length);
    return real(file, offset, length);
}
int posix_fallocate64(int file, off64_t offset, off64_t length) {
    return posix_fallocate(file, offset, length);
}

int renameat2(int folder, const char *from, int to_folder, const char *to, unsigned int flags) {
    pthread_mutex_lock(&lock);
    struct place old = resolve(folder, from), new = resolve(to_folder, to);
    if ((old.watched || new.watched) && (flags & ~RENAME_NOREPLACE)) die("renameat2 with flags");
    struct stat moved = {0}, replaced = {0};
    if (old.watched || new.watched) {
        if (fstatat(folder, from, &moved, AT_SYMLINK_NOFOLLOW)) moved.st_ino = 0;
        if (fstatat(to_folder, to, &replaced, AT_SYMLINK_NOFOLLOW)) replaced.st_ino = 0;
        if (moved.st_ino && S_ISREG(moved.st_mode)) keep(old.path, moved.st_ino);
        if (replaced.st_ino && S_ISREG(replaced.st_mode)) keep(new.path, replaced.st_ino);
    }
    int result = (int)syscall(SYS_renameat2, folder, from, to_folder, to, flags);
    int error = errno;
    if (result == 0 && moved.st_ino != replaced.st_ino) {
        if (old.watched && new.watched) {
            put((struct record){
                    .kind = RENAME, .inode = moved.st_ino, .first = old.folder, .second = new.folder,
                    .third = replaced.st_ino},
                old.name, new.name, NULL);
        } else if (old.watched || new.watched) {
            if (S_ISDIR(moved.st_mode)) die("a folder that leaves or enters what is watched");
            if (new.watched && replaced.st_ino) put_entry(UNLINK, &new, replaced.st_ino);
            if (new.watched) put_entry(CREATE, &new, moved.st_ino);
            if (old.watched) put_entry(UNLINK, &old, moved.st_ino);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int renameat(int folder, const char *from, int to_folder, const char *to) {
    return renameat2(folder, from, to_folder, to, 0);
}
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int folder, const char *from, int to_folder, const char *to, int flags) {
    pthread_mutex_lock(&lock);
    struct place new = resolve(to_folder, to);
    int result = (int)syscall(SYS_linkat, folder, from, to_folder, to, flags);
    int error = errno;
    struct stat status;
    if (result == 0 && new.watched && fstatat(to_folder, to, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        put_entry(CREATE, &new, status.st_ino);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char *path, int flags) {
    pthread_mutex_lock(&lock);
    struct place place = resolve(folder, path);
    struct stat status = {0};
    bool is_known = place.watched && fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
    bool is_folder = is_known && S_ISDIR(status.st_mode);
    is_known = is_known && (is_folder || S_ISREG(status.st_mode));
    if (is_known && !is_folder) keep(place.path, status.st_ino);
    int result = (int)syscall(SYS_unlinkat, folder, path, flags);
    int error = errno;
    if (result == 0 && is_known) {
        put_entry(is_folder ? REMOVE_FOLDER : UNLINK, &place, status.st_ino);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    int result = unlink(path);
    return result && (errno == EISDIR || errno == EPERM) ? rmdir(path) : result;
}

int mkdirat(int folder, const char *path, mode_t mode) {
    pthread_mutex_lock(&lock);
    struct place place = resolve(folder, path);
    int result = (int)syscall(SYS_mkdirat, folder, path, mode);
    int error = errno;
    struct stat status;
    if (result == 0 && place.watched && fstatat(folder, path, &status, 0) == 0) {
        put_entry(MAKE_FOLDER, &place, status.st_ino);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

// What cannot be followed.

static void refuse(int file, const char *what) {
    struct stat status;
    pthread_mutex_lock(&lock);
    bool is_watched = behind(file, &status) != NULL;
    pthread_mutex_unlock(&lock);
    if (is_watched) {
        errno = ENOTSUP;
        die(what);
    }
}

void *mmap64(void *address, size_t length, int protection, int flags, int file, off64_t offset) {
    REAL(void *, mmap, void *, size_t, int, int, int, off_t)
    if (file >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED)) {
        refuse(file, "a file that is written through a mapping");
    }
    return real(address, length, protection, flags, file, offset);
}
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    return mmap64(address, length, protection, flags, file, offset);
}
ssize_t copy_file_range(
    int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length, unsigned int flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned int)
    refuse(to, "copy_file_range");
    return real(from, from_offset, to, to_offset, length, flags);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    REAL(ssize_t, sendfile64, int, int, off64_t *, size_t)
    refuse(to, "sendfile");
    return real(to, from, offset, length);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
    return sendfile64(to, from, offset, length);
}
int syncfs(int file) {
    REAL(int, syncfs, int)
    refuse(file, "syncfs");
    return real(file);
}
