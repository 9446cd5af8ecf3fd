/* As test_escape.c, of what is compiled where a processor has no blocks of 16.
 *
 * SPDX-License-Identifier: MIT */
#define DJS_SCALAR
#include "escape.c"
#include "test_escape.c"
