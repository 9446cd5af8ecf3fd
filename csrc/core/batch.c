/* The op batcher.
 *
 * The law: replaying the merged ops must leave the page as replaying every op
 * would have. So only *adjacent* ops merge, on one target. In
 *
 *     text #a "Hel"    text #a "lo"    done #a    text #b "x"
 *
 * the first two become text #a "Hello"; "done" stays after them and before
 * #b, because a listener on "done" may look at #b. Three traps:
 *
 * - Text without a mode goes where the page's dj-stream-mode says, which is
 *   not known here: in "prepend" mode "a" and "b" make "ba", in "replace"
 *   mode "b". Its pieces are kept apart in one payload.
 * - text sets the element active, replace does not. A replace that supersedes
 *   text therefore leaves an empty text_append in its place.
 * - A selector that asks for state (`#a:empty`) may select another element
 *   after an op than before. Ops on such a target do not merge.
 *
 * Layout: bytes holds target, payload, payload, target, payload, ... in the
 * order of the entries; an entry on the target of the one before it uses that
 * one's bytes. So the last payload is at the end, and joining it is a copy.
 *
 * Limits: bytes and entries stop at DJS_MAX_BUF each, then DJS_ETOOBIG.
 * Checked by: tests/oracle.py (the same law in Python, the slow way),
 * tests/c/test_batch.c, tests/c/test_oom.c.
 *
 * SPDX-License-Identifier: MIT */
#include "batch.h"

#define KEEP_CAP 512 /* bytes of memory that an idle buf keeps */

const djs_op_info djs_ops[DJS_OP_COUNT] = {
#define OP(id, name, wire, mode, compact, carries, merges)                                                   \
    {name, wire, mode, compact, DJS_##carries, DJS_##merges},
#include "ops.def"
#undef OP
};

typedef struct {
    const uint8_t *ptr;
    size_t n;
} span;

djs_status djs_batch_init(djs_batch *b, const uint8_t *name, size_t name_n, const uint8_t *selector,
                          size_t selector_n) {
    *b = (djs_batch){.name_n = name_n, .selector_n = selector_n};
    djs_buf_put(&b->id, name, name_n);
    djs_buf_put(&b->id, selector, selector_n);
    djs_status status = b->id.status;
    if (status) djs_batch_free(b);
    return status;
}

djs_status djs_batch_epoch(djs_batch *b, const uint8_t *epoch, size_t n) {
    djs_buf_put(&b->id, epoch, n);
    return b->id.status;
}

void djs_batch_free(djs_batch *b) {
    djs_buf_free(&b->id);
    djs_buf_free(&b->bytes);
    djs_buf_free(&b->entries);
    djs_buf_free(&b->on);
    *b = (djs_batch){0};
}

static void empty(djs_buf *buf) {
    if (buf->cap > KEEP_CAP) djs_buf_free(buf);
    else djs_buf_clear(buf);
}

void djs_batch_clear(djs_batch *b) {
    empty(&b->bytes);
    empty(&b->entries);
    empty(&b->on);
    b->pushed = 0;
}

/* Room for n more bytes. The error does not stick: what is there stays good. */
static djs_status room(djs_buf *buf, size_t n) {
    (void)djs_buf_grow(buf, n);
    djs_status status = buf->status;
    buf->status = DJS_OK;
    return status;
}

static djs_entry *entry(const djs_batch *b, size_t i) { return (djs_entry *)(void *)b->entries.ptr + i; }

static bool is_target(const djs_batch *b, const djs_entry *e, span target) {
    return e->target_n == target.n && (!target.n || !memcmp(b->bytes.ptr + e->target, target.ptr, target.n));
}

static bool holds(span text, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.n; i++)
        if (!memcmp(text.ptr + i, word, n)) return true;
    return false;
}

/* Does the target select the same element before and after an op on it? A
 * pseudo-class may not, nor may the attributes that the client sets. */
static bool steady(span target) {
    return !target.n || !(holds(target, ":") || holds(target, "data-stream-") || holds(target, "aria-busy"));
}

static bool joins(const djs_entry *last, djs_op op, uint32_t depth) {
    if (op == DJS_OP_TEXT_APPEND && last->op == DJS_OP_TEXT_REPLACE) return true;
    return last->op == op && djs_ops[op].merges == DJS_JOIN && last->depth == depth;
}

static djs_status join(djs_batch *b, djs_entry *last, span text) {
    djs_status status = text.n < DJS_MAX_BUF ? room(&b->bytes, text.n + 1) : DJS_ETOOBIG;
    if (status) return status;
    size_t before = b->bytes.len;
    djs_carries carries = djs_ops[last->op].carries;
    if (carries == DJS_PIECES || carries == DJS_REVERSED) djs_buf_byte(&b->bytes, DJS_BETWEEN);
    djs_buf_put(&b->bytes, text.ptr, text.n);
    last->n += (uint32_t)(b->bytes.len - before);
    b->pushed++;
    return DJS_OK;
}

/* Takes back the ops at the end that a LAST op on their target supersedes;
 * the target's bytes stay. Was one of them text, an empty one takes their place. */
static void supersede(djs_batch *b, span target, djs_op op) {
    size_t count = djs_batch_count(b), keep = count;
    bool text = false;
    while (keep && djs_ops[entry(b, keep - 1)->op].merges != DJS_KEEP &&
           is_target(b, entry(b, keep - 1), target)) {
        keep--;
        text |= djs_ops[entry(b, keep)->op].mode != NULL;
    }
    if (keep == count) return;
    djs_entry *first = entry(b, keep);
    size_t path = first->op == DJS_OP_PATCH ? first->depth * sizeof(uint32_t) : 0;
    first->at -= (uint32_t)path;
    djs_buf_cut(&b->bytes, first->at);
    if (text && !djs_ops[op].mode) {
        *first = (djs_entry){
            .op = DJS_OP_TEXT_APPEND, .at = first->at, .target = first->target, .target_n = first->target_n};
        keep++;
    }
    djs_buf_cut(&b->entries, keep * sizeof(djs_entry));
}

/* Appends an op: e has its op and numbers; before is the path of a patch. */
static djs_status add(djs_batch *b, djs_entry *e, span target, span before, span text) {
    size_t count = djs_batch_count(b);
    djs_entry *last = count ? entry(b, count - 1) : NULL;
    bool same = last && is_target(b, last, target);
    bool merges = same && djs_ops[e->op].merges >= DJS_JOIN && steady(target);
    if (merges && joins(last, e->op, e->depth)) return join(b, last, text);

    djs_status status = DJS_ETOOBIG;
    if (text.n <= DJS_MAX_BUF && target.n <= DJS_MAX_BUF)
        status = room(&b->bytes, target.n + before.n + text.n);
    if (!status) status = room(&b->entries, sizeof *e);
    if (status) return status;
    /* last may have moved. */
    if (same) {
        e->target = entry(b, count - 1)->target;
    } else {
        e->target = (uint32_t)b->bytes.len;
        djs_buf_put(&b->bytes, target.ptr, target.n);
    }
    e->target_n = (uint32_t)target.n;
    if (merges && djs_ops[e->op].merges == DJS_LAST) supersede(b, target, e->op);
    djs_buf_put(&b->bytes, before.ptr, before.n);
    e->at = (uint32_t)b->bytes.len;
    e->n = (uint32_t)text.n;
    djs_buf_put(&b->bytes, text.ptr, text.n);
    djs_buf_put(&b->entries, e, sizeof *e);
    b->pushed++;
    return DJS_OK;
}

/* The root by its full selector is the root. */
static span resolve(const djs_batch *b, const uint8_t *target, size_t n) {
    if (n && n == b->selector_n && !memcmp(target, b->id.ptr + b->name_n, n)) n = 0;
    return (span){target, n};
}

static bool edge(span text, uint32_t *bottom) {
    *bottom = text.n == 6 && !memcmp(text.ptr, "bottom", 6);
    return *bottom || !text.n || (text.n == 3 && !memcmp(text.ptr, "top", 3));
}

djs_status djs_batch_push(djs_batch *b, djs_op op, const djs_arg *arg) {
    if ((unsigned)op >= DJS_OP_CALLERS) return DJS_EINVAL;
    djs_entry e = {.op = op};
    span text = {arg->text, arg->n};
    if (op == DJS_OP_PRUNE) {
        if (!edge(text, &e.y)) return DJS_EINVAL;
        e.x = arg->number;
        text.n = 0;
    }
    if (djs_ops[op].carries == DJS_MESSAGE) e.x = arg->number;
    return add(b, &e, resolve(b, arg->target, arg->target_n), (span){0}, text);
}

djs_status djs_batch_on(djs_batch *b, const uint8_t *target, size_t n) {
    span on = resolve(b, target, n);
    djs_status status = on.n > b->on.len ? room(&b->on, on.n - b->on.len) : DJS_OK;
    if (status) return status;
    djs_buf_clear(&b->on);
    djs_buf_put(&b->on, on.ptr, on.n);
    return DJS_OK;
}

static djs_status edit(djs_batch *b, djs_entry e, span path, const uint8_t *html, size_t n) {
    return add(b, &e, (span){b->on.ptr, b->on.len}, path, (span){html, n});
}

djs_status djs_batch_grow(djs_batch *b, uint32_t depth, const uint8_t *html, size_t n) {
    return edit(b, (djs_entry){.op = DJS_OP_GROW, .depth = depth}, (span){0}, html, n);
}

djs_status djs_batch_cut(djs_batch *b, uint32_t depth, uint32_t nodes, uint32_t units) {
    return edit(b, (djs_entry){.op = DJS_OP_CUT, .depth = depth, .x = nodes, .y = units}, (span){0}, NULL, 0);
}

djs_status djs_batch_loose(djs_batch *b, uint32_t depth, uint32_t loose) {
    return edit(b, (djs_entry){.op = DJS_OP_LOOSE, .depth = depth, .x = !!loose}, (span){0}, NULL, 0);
}

djs_status djs_batch_head(djs_batch *b, uint32_t depth, const uint8_t *html, size_t n) {
    return edit(b, (djs_entry){.op = DJS_OP_HEAD, .depth = depth}, (span){0}, html, n);
}

djs_status djs_batch_patch(djs_batch *b, const uint32_t *path, size_t steps, const uint8_t *html, size_t n) {
    if (steps > DJS_MAX_BUF / sizeof *path) return DJS_ETOOBIG;
    span before = {(const uint8_t *)path, steps * sizeof *path};
    return edit(b, (djs_entry){.op = DJS_OP_PATCH, .depth = (uint32_t)steps}, before, html, n);
}

djs_status djs_batch_fill(djs_batch *b, const uint8_t *html, size_t n) {
    return edit(b, (djs_entry){.op = DJS_OP_FILL}, (span){0}, html, n);
}

djs_status djs_batch_absorb(djs_batch *b, const djs_batch *more) {
    djs_status status = DJS_OK;
    for (size_t i = 0; !status && i < djs_batch_count(more); i++) {
        const djs_entry *from = entry(more, i);
        size_t path = from->op == DJS_OP_PATCH ? from->depth * sizeof(uint32_t) : 0;
        span none = {0}, target = none, before = none, text = none; /* an empty buf has no address */
        if (from->target_n) target = (span){more->bytes.ptr + from->target, from->target_n};
        if (path) before = (span){more->bytes.ptr + from->at - path, path};
        if (from->n) text = (span){more->bytes.ptr + from->at, from->n};
        djs_entry e = {.op = from->op, .depth = from->depth, .x = from->x, .y = from->y};
        status = add(b, &e, target, before, text);
    }
    return status;
}
