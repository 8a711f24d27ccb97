// The RocksDB C API as installed by the system; nothing is added to it here.
#include <rocksdb/c.h>
