/* A batch as the bytes of one message.
 *
 * The law: both forms say the same; each is valid JSON for every batch; one
 * pass over the ops, no copy of a payload but into the message.
 *
 * Checked by: tests/test_batch.py against tests/oracle.py, tests/c/test_frame.c.
 *
 * SPDX-License-Identifier: MIT */
#include "frame.h"
#include "json.h"

typedef struct {
    const uint8_t *ptr;
    size_t n;
} span;

static void word(djs_buf *out, const char *text) { djs_buf_put(out, text, strlen(text)); }

static span payload(const djs_batch *b, const djs_entry *e) { return e->n ? (span){b->bytes.ptr + e->at, e->n} : (span){0}; }

static span target(const djs_batch *b, const djs_entry *e) {
    return e->target_n ? (span){b->bytes.ptr + e->target, e->target_n} : (span){0};
}

static size_t first_piece(span text) {
    const uint8_t *end = text.n ? memchr(text.ptr, DJS_BETWEEN, text.n) : NULL;
    return end ? (size_t)(end - text.ptr) : text.n;
}

/* The pieces in the order they came, or the other way, with `between` between two. */
static void pieces(djs_buf *out, span text, bool reversed, const char *between) {
    for (;;) {
        size_t n = first_piece(text), from = 0;
        if (reversed) {
            for (from = text.n; from && text.ptr[from - 1] != DJS_BETWEEN; from--) {}
            n = text.n - from;
        }
        if (n) djs_json_text(out, text.ptr + from, n);
        if (n == text.n) return;
        word(out, between);
        if (!reversed) text.ptr += n + 1;
        text.n -= n + 1;
    }
}

static void carried(djs_buf *out, const djs_entry *e, span text, const char *between) {
    djs_buf_byte(out, '"');
    pieces(out, text, djs_ops[e->op].carries == DJS_REVERSED, between);
    djs_buf_byte(out, '"');
}

/* ---- djust form ---- */

static void selector(const djs_batch *b, const djs_entry *e, djs_buf *out) {
    span on = target(b, e);
    djs_buf_byte(out, '"');
    if (on.n) djs_json_text(out, on.ptr, on.n);
    else djs_json_text(out, b->id.ptr + b->name_n, b->id.len - b->name_n);
    for (uint32_t i = 0; e->op == DJS_OP_GROW && i < e->depth; i++) djs_buf_lit(out, ">:last-child");
    djs_buf_byte(out, '"');
}

static djs_status djust_op(const djs_batch *b, const djs_entry *e, djs_buf *out) {
    const djs_op_info *op = &djs_ops[e->op];
    span text = payload(b, e);
    if (!op->wire) return DJS_EINVAL;
    djs_buf_lit(out, "{\"op\":\"");
    word(out, op->wire);
    djs_buf_lit(out, "\",\"target\":");
    selector(b, e, out);
    switch (op->carries) {
    case DJS_TEXT:
    case DJS_PIECES:
    case DJS_REVERSED: djs_buf_lit(out, ",\"text\":"); break;
    case DJS_HTML:
    case DJS_DEEP: djs_buf_lit(out, ",\"html\":"); break;
    case DJS_MESSAGE: djs_buf_lit(out, ",\"error\":"); break;
    case DJS_REASON:
        if (text.n) djs_buf_lit(out, ",\"reason\":");
        break;
    case DJS_LIMIT:
        djs_buf_lit(out, ",\"limit\":");
        djs_buf_uint(out, e->x);
        word(out, e->y ? ",\"edge\":\"bottom\"" : ",\"edge\":\"top\"");
        break;
    case DJS_NOTHING:
    case DJS_SELECTOR:
    case DJS_LENGTHS:
    case DJS_FLAG:
    case DJS_PATH: break;
    }
    if (op->carries <= DJS_HTML && op->carries != DJS_NOTHING) carried(out, e, text, "");
    else if (op->carries == DJS_DEEP || op->carries == DJS_MESSAGE || (op->carries == DJS_REASON && text.n)) carried(out, e, text, "");
    if (op->mode) {
        djs_buf_lit(out, ",\"mode\":\"");
        word(out, op->mode);
        djs_buf_byte(out, '"');
    }
    djs_buf_byte(out, '}');
    return DJS_OK;
}

/* ---- compact form ---- */

static void number(djs_buf *out, uint32_t value) {
    djs_buf_byte(out, ',');
    djs_buf_uint(out, value);
}

static void path(const djs_batch *b, const djs_entry *e, djs_buf *out) {
    const uint8_t *steps = b->bytes.ptr + e->at - e->depth * sizeof(uint32_t);
    djs_buf_lit(out, ",[");
    for (uint32_t i = 0; i < e->depth; i++) {
        uint32_t step;
        memcpy(&step, steps + i * sizeof step, sizeof step);
        if (i) djs_buf_byte(out, ',');
        djs_buf_uint(out, step);
    }
    djs_buf_byte(out, ']');
}

static void compact_op(const djs_batch *b, const djs_entry *e, djs_buf *out) {
    const djs_op_info *op = &djs_ops[e->op];
    span text = payload(b, e);
    djs_buf_byte(out, '[');
    if (e->op == DJS_OP_GROW) {
        djs_buf_uint(out, e->depth);
    } else {
        djs_buf_byte(out, '"');
        word(out, op->compact);
        djs_buf_byte(out, '"');
    }
    switch (op->carries) {
    case DJS_NOTHING: break;
    case DJS_SELECTOR: text = target(b, e); break;
    case DJS_LIMIT:
        number(out, e->x);
        word(out, e->y ? ",\"bottom\"" : ",\"top\"");
        break;
    case DJS_LENGTHS:
        number(out, e->depth);
        number(out, e->x);
        number(out, e->y);
        break;
    case DJS_FLAG:
        number(out, e->depth);
        number(out, e->x);
        break;
    case DJS_DEEP:
        if (e->op != DJS_OP_GROW) number(out, e->depth);
        break;
    case DJS_PATH: path(b, e, out); break;
    case DJS_TEXT:
    case DJS_PIECES:
    case DJS_REVERSED:
    case DJS_HTML:
    case DJS_MESSAGE:
    case DJS_REASON: break;
    }
    bool silent = op->carries == DJS_NOTHING || op->carries == DJS_LIMIT || op->carries == DJS_LENGTHS ||
                  op->carries == DJS_FLAG || (op->carries == DJS_REASON && !text.n);
    if (!silent) {
        djs_buf_byte(out, ',');
        carried(out, e, text, op->carries == DJS_PIECES ? "\",\"" : "");
    }
    djs_buf_byte(out, ']');
}

/* Says which element the ops from here on are for, when that changes. */
static void turn_to(const djs_batch *b, const djs_entry *e, span *on, djs_buf *out) {
    span now = target(b, e);
    if (e->op == DJS_OP_DELETE) return; /* names its own */
    if (now.n == on->n && (!now.n || !memcmp(now.ptr, on->ptr, now.n))) return;
    djs_buf_lit(out, "[\"on\",");
    djs_json_string(out, now.ptr, now.n);
    djs_buf_lit(out, "],");
    *on = now;
}

/* ---- both ---- */

djs_status djs_frame_write(const djs_batch *b, uint64_t seq, djs_form form, djs_buf *out) {
    const djs_entry *entries = (const djs_entry *)(const void *)b->entries.ptr;
    size_t before = out->len;
    bool djust = form == DJS_FORM_DJUST;
    span on = {0};
    word(out, djust ? "{\"type\":\"stream\",\"stream\":" : form == DJS_FORM_COMPACT_TYPED ? "{\"type\":\"stream\",\"s\":" : "{\"s\":");
    djs_json_string(out, b->id.ptr, b->name_n);
    word(out, djust ? ",\"seq\":" : ",\"n\":");
    djs_buf_uint(out, seq);
    word(out, djust ? ",\"ops\":[" : ",\"o\":[");
    for (size_t i = 0; i < djs_batch_count(b); i++) {
        if (i) djs_buf_byte(out, ',');
        if (!djust) {
            turn_to(b, entries + i, &on, out);
            compact_op(b, entries + i, out);
        } else if (djust_op(b, entries + i, out)) {
            djs_buf_cut(out, before);
            return DJS_EINVAL;
        }
    }
    djs_buf_lit(out, "]}");
    return out->status;
}
