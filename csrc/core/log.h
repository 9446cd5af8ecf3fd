/* The newest frames of one stream, for readers that come back, join late or are slow.
 *
 *     djs_log log;
 *     djs_log_init(&log, 64 << 10);
 *     djs_log_append(&log, 1, frame, n);       // and 2, 3, …
 *     for (uint64_t seq = log.first; seq <= djs_log_last(&log); seq++)
 *         text = djs_log_frame(&log, seq, &n);
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_LOG_H
#define DJS_LOG_H

#include "buf.h"

typedef struct {
    djs_buf text;   /* the frames, one after the other */
    djs_buf ends;   /* uint32_t: where each of them ends in it */
    uint64_t first; /* seq of the oldest one that is here; of the next one, when none is */
    size_t most_bytes;
} djs_log;

void djs_log_init(djs_log *log, size_t most_bytes);

/* Frame seq, which is higher than the last one's. Are there frames between them, those before are gone. Never
 * fails: what there is no memory for is gone. */
void djs_log_append(djs_log *log, uint64_t seq, const void *frame, size_t n);

static inline size_t djs_log_count(const djs_log *log) { return log->ends.len / sizeof(uint32_t); }

/* seq of the newest frame; one below the first, when none is here. */
static inline uint64_t djs_log_last(const djs_log *log) { return log->first + djs_log_count(log) - 1; }

/* The text of a frame that is here. */
const uint8_t *djs_log_frame(const djs_log *log, uint64_t seq, size_t *n);

void djs_log_free(djs_log *log);

#endif
