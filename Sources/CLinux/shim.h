// Calls of Linux that Swift does not show.
#include <fcntl.h>

int renameat2(int old_folder, const char *old_name, int new_folder, const char *new_name, unsigned int flags);

// Exchanges the names of two files or folders at once; 0, or -1 with errno.
static inline int tl_exchange(const char *one, const char *other) {
    return renameat2(AT_FDCWD, one, AT_FDCWD, other, 1u << 1); // RENAME_EXCHANGE
}
