/* The same as driver_libraries.c, as C++. */
#include "driver_libraries.c"
