/* The log against a list of every frame: what is here is as it was appended, the newest of them, as many as
 * may be.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "log.h"

enum { FRAMES = 3000 };

static uint8_t text[1 << 20];
static size_t sizes[FRAMES + 1];

static const uint8_t *frame_of(uint64_t seq) { return text + seq * 7 % 1000; }

static bool is_right(const djs_log *log, uint64_t last) {
    size_t bytes = 0, n;
    if (djs_log_last(log) != last || !djs_log_count(log)) return false;
    for (uint64_t seq = log->first; seq <= last; seq++) {
        const uint8_t *frame = djs_log_frame(log, seq, &n);
        if (n != sizes[seq] || (n && memcmp(frame, frame_of(seq), n))) return false;
        bytes += n + sizeof(uint32_t);
    }
    /* Before the newest no more than there may be, and never less than half of that without need. */
    bytes -= sizes[last] + sizeof(uint32_t);
    if (bytes > log->most_bytes) return false;
    return log->first == 1 || bytes + sizes[log->first - 1] + sizeof(uint32_t) > log->most_bytes / 2;
}

static void keeps_the_newest(uint32_t seed, uint32_t usual, uint32_t huge) {
    djs_log log;
    djs_log_init(&log, 4096);
    bool right = true;
    size_t most = 0;
    CHECK(djs_log_count(&log) == 0 && djs_log_last(&log) == 0);
    for (uint64_t seq = 1; seq <= FRAMES; seq++) {
        sizes[seq] = chance(&seed) % 97 ? chance(&seed) % usual : chance(&seed) % huge;
        djs_log_append(&log, seq, frame_of(seq), sizes[seq]);
        right &= is_right(&log, seq);
        if (sizes[seq] < usual && log.text.cap > most) most = log.text.cap;
    }
    CHECK(right);
    if (huge <= 4096) CHECK(most <= 2 * 4096);
    djs_log_free(&log);
    CHECK(!log.text.ptr && !log.ends.ptr);
}

static void gives_back_what_a_huge_one_took(void) {
    djs_log log;
    djs_log_init(&log, 4096);
    for (int i = 0; i < 3; i++) {
        djs_log_append(&log, djs_log_last(&log) + 1, text, sizeof text / 2);
        CHECK(djs_log_count(&log) == 1 + (size_t)!!i); /* the small one before it, and it */
        djs_log_append(&log, djs_log_last(&log) + 1, text, 40);
        CHECK(djs_log_count(&log) == 1 && log.text.cap < 4096);
    }
    CHECK(log.first == 6);
    djs_log_free(&log);
}

static void begins_anew_after_a_gap(void) {
    djs_log log;
    djs_log_init(&log, 4096);
    djs_log_append(&log, 1, text, 10);
    djs_log_append(&log, 2, text, 10);
    djs_log_append(&log, 9, text + 7, 20);
    size_t n;
    CHECK(log.first == 9 && djs_log_last(&log) == 9);
    CHECK(!memcmp(djs_log_frame(&log, 9, &n), text + 7, 20) && n == 20);
    djs_log_append(&log, 10, text, 1);
    CHECK(log.first == 9 && djs_log_last(&log) == 10);
    djs_log_free(&log);
}

/* Only n allocations succeed: what was lost is not there, the rest counts on. */
static bool fails_gently(long n) {
    djs_log log;
    djs_log_init(&log, 4096);
    djs_alloc_fail_after = n;
    djs_alloc_fail_once = true;
    bool failed = false;
    for (uint64_t seq = 1; seq <= 200; seq++) {
        sizes[seq] = seq % 50;
        djs_log_append(&log, seq, frame_of(seq), sizes[seq]);
        CHECK(djs_log_last(&log) == seq);
        failed |= !djs_log_count(&log);
        for (uint64_t at = log.first; at <= seq; at++) {
            size_t found;
            const uint8_t *frame = djs_log_frame(&log, at, &found);
            CHECK(found == sizes[at] && (!found || !memcmp(frame, frame_of(at), found)));
        }
    }
    CHECK(djs_log_count(&log) > 0);
    djs_alloc_fail_after = -1;
    djs_alloc_fail_once = false;
    djs_log_free(&log);
    return failed;
}

RUN {
    uint32_t seed = 7;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)chance(&seed);
    keeps_the_newest(1, 60, 3000);
    keeps_the_newest(2, 60, 20000);
    keeps_the_newest(3, 2, 2);
    keeps_the_newest(4, 5000, 5000);
    gives_back_what_a_huge_one_took();
    begins_anew_after_a_gap();
    long n = 0;
    while (n < 100 && fails_gently(n)) n++;
    CHECK(n > 5 && n < 100);
}
