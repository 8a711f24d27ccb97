// zlib as the system installs it; nothing is added to it here.
#include <zlib.h>
