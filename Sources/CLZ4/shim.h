// The headers of liblz4-dev, found by pkg-config.
#include <lz4.h>
