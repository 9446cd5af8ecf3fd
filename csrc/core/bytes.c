/* What the bytes of a text may mean.
 *
 * The law: a byte of no class but DJS_BREAK means nothing but itself, whatever is open before it.
 *
 * SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "leaf.h"

const uint16_t djs_class[256] = {
    ['\n'] = DJS_OTHER | DJS_LINE | DJS_AT | DJS_BREAK,
    ['\r'] = DJS_OTHER | DJS_LINE | DJS_AT,
    ['\t'] = DJS_OTHER | DJS_AT | DJS_BREAK,
    ['\v'] = DJS_OTHER | DJS_AT,
    ['\f'] = DJS_OTHER | DJS_AT,
    [' '] = DJS_AT | DJS_BREAK,
    ['"'] = DJS_AT,
    ['\''] = DJS_AT,
    ['('] = DJS_AT | DJS_BREAK,
    [')'] = DJS_AT,
    ['<'] = DJS_OTHER | DJS_ENTITY | DJS_AT,
    ['>'] = DJS_OTHER | DJS_ENTITY | DJS_AT | DJS_TAG,
    ['\\'] = DJS_OTHER | DJS_AT | DJS_ESCAPE | DJS_STOP_CELL,
    ['|'] = DJS_STOP_CELL,
    ['#'] = DJS_STOP_HEADING,
    ['!'] = DJS_HELD,
    ['*'] = DJS_HELD | DJS_BREAK,
    ['_'] = DJS_HELD | DJS_BREAK,
    ['`'] = DJS_HELD,
    ['~'] = DJS_HELD | DJS_BREAK,
    ['&'] = DJS_OTHER | DJS_ENTITY,
    [':'] = DJS_OTHER,
    ['@'] = DJS_OTHER,
    ['['] = DJS_OTHER | DJS_ESCAPE,
    [']'] = DJS_OTHER | DJS_CLOSER,
    ['w'] = DJS_WWW,
    ['$'] = DJS_DOLLAR,
    [0x80 ... 0xFD] = DJS_BREAK,
    [0xFE ... 0xFF] = DJS_BREAK | DJS_ENTITY,
};
