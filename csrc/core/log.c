/* The newest frames of one stream.
 *
 * The law: frames first to last are here, each as it was appended, without a gap. The newest is here, however
 * large, and most_bytes at most of those before. Half of them go at a time, so that appending n frames costs
 * O(their bytes). Only without memory are there fewer.
 *
 * All lie in one piece of memory. As objects of their own, hundreds for each of a thousand streams, they
 * would be what Python's collector spends its time on, and what pushes everything else out of the processor's
 * cache.
 *
 * Checked by: tests/c/test_log.c, each allocation failing too.
 *
 * SPDX-License-Identifier: MIT */
#include "log.h"

void djs_log_init(djs_log *log, size_t most_bytes) { *log = (djs_log){.first = 1, .most_bytes = most_bytes}; }

static uint32_t *ends(const djs_log *log) { return (uint32_t *)(void *)log->ends.ptr; }

/* Where the i-th of those that are here begins. */
static size_t begin(const djs_log *log, size_t i) { return i ? ends(log)[i - 1] : 0; }

static size_t size(const djs_log *log) { return log->text.len + log->ends.len; }

/* Forget the oldest n. */
static void drop(djs_log *log, size_t n) {
    size_t gone = begin(log, n), left = djs_log_count(log) - n;
    djs_buf_drop(&log->text, gone);
    djs_buf_drop(&log->ends, n * sizeof(uint32_t));
    for (size_t i = 0; i < left; i++) ends(log)[i] -= (uint32_t)gone;
    log->first += n;
}

/* Keep what fits into most bytes, the newest of them. */
static void trim(djs_log *log, size_t most) {
    size_t count = djs_log_count(log), keep = 0;
    while (keep < count &&
           log->text.len - begin(log, count - keep - 1) + (keep + 1) * sizeof(uint32_t) <= most)
        keep++;
    drop(log, count - keep);
}

static void forget_all(djs_log *log) {
    drop(log, djs_log_count(log));
    djs_buf_free(&log->text);
    djs_buf_free(&log->ends);
}

void djs_log_append(djs_log *log, uint64_t seq, const void *frame, size_t n) {
    if (seq != djs_log_last(log) + 1) {
        forget_all(log);
        log->first = seq;
    }
    if (size(log) + n + sizeof(uint32_t) > log->most_bytes) {
        trim(log, log->most_bytes / 2);
        /* One huge frame has made the buffer what it is: it goes with it. */
        if (!djs_log_count(log) || n > DJS_MAX_BUF - log->text.len) forget_all(log);
    }
    uint32_t end = (uint32_t)(log->text.len + n);
    djs_buf_put(&log->text, frame, n);
    djs_buf_put(&log->ends, &end, sizeof end);
    if (log->text.status || log->ends.status) {
        if (log->ends.status) log->first++; /* it was not counted */
        forget_all(log);
    }
}

const uint8_t *djs_log_frame(const djs_log *log, uint64_t seq, size_t *n) {
    size_t i = (size_t)(seq - log->first), from = begin(log, i);
    *n = ends(log)[i] - from;
    return log->text.ptr + from;
}

void djs_log_free(djs_log *log) {
    djs_buf_free(&log->text);
    djs_buf_free(&log->ends);
}
