/* Leaves that used a label before it was defined.
 *
 * The law: after djs_late_define, exactly the leaves that asked for one of
 * these labels in vain are due. Labels are compared by their 64-bit hash: a
 * collision renders a leaf again, to the same HTML.
 *
 * Memory: the sources of those leaves, so never more than the text itself.
 *
 * SPDX-License-Identifier: MIT */
#include "late.h"

enum { HEADS = 256 };

typedef struct {
    uint64_t hash;
    uint32_t leaf, next; /* next: index + 1, or 0 */
} label;

djs_status djs_late_add(djs_late *late, const uint8_t *text, size_t n, size_t path, size_t steps,
                        const djs_buf *misses) {
    if (!late->heads && !(late->heads = djs_calloc(HEADS, sizeof *late->heads))) return DJS_ENOMEM;
    djs_late_leaf leaf = {.text = late->texts.len, .n = n, .path = path, .steps = steps};
    uint32_t index = (uint32_t)(late->leaves.len / sizeof leaf);
    djs_buf_put(&late->texts, text, n);
    djs_buf_put(&late->leaves, &leaf, sizeof leaf);
    for (size_t i = 0; i < misses->len; i += sizeof(uint64_t)) {
        label l = {.leaf = index};
        memcpy(&l.hash, misses->ptr + i, sizeof l.hash);
        l.next = late->heads[l.hash % HEADS];
        djs_buf_put(&late->labels, &l, sizeof l);
        if (late->labels.status) return late->labels.status;
        late->heads[l.hash % HEADS] = (uint32_t)(late->labels.len / sizeof l);
    }
    return late->texts.status ? late->texts.status : late->leaves.status;
}

bool djs_late_define(djs_late *late, const djs_buf *fresh) {
    bool due = false;
    if (!late->heads) return false;
    djs_late_leaf *leaves = (djs_late_leaf *)(void *)late->leaves.ptr;
    const label *labels = (const label *)(const void *)late->labels.ptr;
    for (size_t i = 0; i < fresh->len; i += sizeof(uint64_t)) {
        uint64_t hash;
        memcpy(&hash, fresh->ptr + i, sizeof hash);
        for (uint32_t at = late->heads[hash % HEADS]; at; at = labels[at - 1].next)
            if (labels[at - 1].hash == hash) due = leaves[labels[at - 1].leaf].due = true;
    }
    return due;
}

void djs_late_free(djs_late *late) {
    djs_buf_free(&late->leaves);
    djs_buf_free(&late->texts);
    djs_buf_free(&late->paths);
    djs_buf_free(&late->labels);
    djs_realloc(late->heads, 0);
    late->heads = NULL;
}
