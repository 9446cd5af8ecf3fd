/* Text as JSON strings, in one pass.
 *
 *     djs_json_string(&out, (const uint8_t *)"say \"hi\"\n", 9);     // "say \"hi\"\n", quotes and all
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_JSON_H
#define DJS_JSON_H

#include "buf.h"

/* Appends text as a JSON string, with its quotes. */
void djs_json_string(djs_buf *out, const uint8_t *text, size_t n);

/* Appends what stands between the quotes. Text that is put together from
 * several calls must be cut between characters. */
void djs_json_text(djs_buf *out, const uint8_t *text, size_t n);

/* The length of the longest prefix of ASCII that needs no escaping; the same
 * without SIMD, to hold the other against. */
size_t djs_json_clean(const uint8_t *text, size_t n);
size_t djs_json_clean_scalar(const uint8_t *text, size_t n);

#endif
