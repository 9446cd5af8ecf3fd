/* Leaves that used a label before it was defined.
 *
 * The law: after djs_late_define, exactly the leaves that asked for one of
 * these labels in vain are due, and what that costs is proportional to them,
 * not to all leaves that ever asked for anything. Labels are compared by their 64-bit hash: a
 * collision renders a leaf again, to the same HTML.
 *
 * Memory: the sources of those leaves, so never more than the text itself.
 *
 * SPDX-License-Identifier: MIT */
#include "late.h"
#include <stdlib.h>

enum { HEADS = 256 };

typedef struct {
    uint64_t hash;
    uint32_t leaf, next; /* next: index + 1, or 0 */
} label;

/* Room for one more label: there are never more of them than chains, so that each is short. */
static bool grow_heads(djs_late *late) {
    size_t n = late->labels.len / sizeof(label);
    if (late->heads && n < late->heads_n) return true;
    size_t heads_n = late->heads_n ? 4 * late->heads_n : HEADS;
    uint32_t *heads = djs_calloc(heads_n, sizeof *heads);
    if (!heads) return false;
    label *labels = (label *)(void *)late->labels.ptr;
    for (uint32_t i = 0; i < n; i++) {
        labels[i].next = heads[labels[i].hash % heads_n];
        heads[labels[i].hash % heads_n] = i + 1;
    }
    djs_realloc(late->heads, 0);
    late->heads = heads;
    late->heads_n = heads_n;
    return true;
}

djs_status djs_late_add(djs_late *late, const uint8_t *text, size_t n, size_t path, size_t steps,
                        const djs_buf *misses) {
    djs_late_leaf leaf = {.text = late->texts.len, .n = n, .path = path, .steps = steps};
    uint32_t index = (uint32_t)(late->leaves.len / sizeof leaf);
    djs_buf_put(&late->texts, text, n);
    djs_buf_put(&late->leaves, &leaf, sizeof leaf);
    for (size_t i = 0; i < misses->len; i += sizeof(uint64_t)) {
        label l = {.leaf = index};
        if (!grow_heads(late)) return DJS_ENOMEM;
        memcpy(&l.hash, misses->ptr + i, sizeof l.hash);
        l.next = late->heads[l.hash % late->heads_n];
        djs_buf_put(&late->labels, &l, sizeof l);
        if (late->labels.status) return late->labels.status;
        late->heads[l.hash % late->heads_n] = (uint32_t)(late->labels.len / sizeof l);
    }
    return late->texts.status ? late->texts.status : late->leaves.status;
}

void djs_late_due(djs_late *late, uint32_t leaf) {
    djs_late_leaf *leaves = (djs_late_leaf *)(void *)late->leaves.ptr;
    if (leaves[leaf].due) return;
    leaves[leaf].due = true;
    djs_buf_put(&late->due, &leaf, sizeof leaf);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

bool djs_late_define(djs_late *late, const djs_buf *fresh) {
    if (!late->heads) return false;
    const label *labels = (const label *)(const void *)late->labels.ptr;
    for (size_t i = 0; i < fresh->len; i += sizeof(uint64_t)) {
        uint64_t hash;
        memcpy(&hash, fresh->ptr + i, sizeof hash);
        for (uint32_t at = late->heads[hash % late->heads_n]; at; at = labels[at - 1].next)
            if (labels[at - 1].hash == hash) djs_late_due(late, labels[at - 1].leaf);
    }
    if (late->due.len) qsort(late->due.ptr, late->due.len / sizeof(uint32_t), sizeof(uint32_t), compare);
    return late->due.len || late->due.status;
}

void djs_late_free(djs_late *late) {
    djs_buf_free(&late->leaves);
    djs_buf_free(&late->texts);
    djs_buf_free(&late->paths);
    djs_buf_free(&late->labels);
    djs_buf_free(&late->due);
    djs_realloc(late->heads, 0);
    late->heads = NULL;
    late->heads_n = 0;
}
