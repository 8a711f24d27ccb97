// Calls of Linux that Swift does not show. They are declared here, since a module that includes the system's headers
// would own what they define.
#include <stddef.h>

int renameat2(int old_folder, const char *old_name, int new_folder, const char *new_name, unsigned int flags);
int memfd_create(const char *name, unsigned int flags);
int fcntl(int file, int command, ...);

// Exchanges the names of two files or folders at once; 0, or -1 with errno.
static inline int tl_exchange(const char *one, const char *other) {
    const int here = -100; // AT_FDCWD
    return renameat2(here, one, here, other, 1u << 1); // RENAME_EXCHANGE
}

// An empty file in memory, without a place in any folder; -1 with errno.
static inline int tl_memory_file(const char *name) {
    const unsigned int flags = 1u | 2u; // MFD_CLOEXEC, MFD_ALLOW_SEALING
    const int file = memfd_create(name, flags | 8u); // MFD_NOEXEC_SEAL, which an older kernel does not know
    return file >= 0 ? file : memfd_create(name, flags);
}

// From now on the file keeps its length, and only those can write to it who have it mapped already; 0, or -1 with errno.
static inline int tl_seal(int file) {
    // F_ADD_SEALS: F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE (Linux 5.1).
    return fcntl(file, 1033, 1 | 2 | 4 | 16);
}
