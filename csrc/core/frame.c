/* A batch as the bytes of one message.
 *
 * The law: both forms mean the same, op by op, and are valid JSON in valid
 * UTF-8 whatever was pushed. The one difference: text without a mode leaves
 * it to the page in the compact form, and is appended in the djust form.
 *
 * Both writers follow the rows of ops.def: an op that carries what another
 * carries needs no code here, and one that carries something new does not
 * compile until both writers have it.
 *
 * Limits: a message stops at DJS_MAX_BUF (escaping can make six bytes of one).
 * Checked by: tests/c/test_frame.c, tests/test_batch.py.
 *
 * SPDX-License-Identifier: MIT */
#include "frame.h"
#include "json.h"

/* ---- What both forms are made of ---- */

static void word(djs_buf *out, const char *text) {
    djs_json_string(out, (const uint8_t *)text, strlen(text));
}

/* NULL and not an address in it: a batch without payloads has no bytes. */
static const uint8_t *payload(const djs_batch *b, const djs_entry *e) {
    return e->n ? b->bytes.ptr + e->at : NULL;
}
static const uint8_t *target(const djs_batch *b, const djs_entry *e) {
    return e->target_n ? b->bytes.ptr + e->target : NULL;
}

static void string(djs_buf *out, const djs_batch *b, const djs_entry *e) {
    djs_json_string(out, payload(b, e), e->n);
}

/* The pieces of a text with `between` between two: "\",\"" makes each a string of its own. */
static void pieces(djs_buf *out, const djs_batch *b, const djs_entry *e, const char *between) {
    const uint8_t *text = payload(b, e), *mark;
    size_t n = e->n;
    djs_buf_byte(out, '"');
    while (n && (mark = memchr(text, DJS_BETWEEN, n))) {
        size_t piece = (size_t)(mark - text);
        djs_json_text(out, text, piece);
        djs_buf_put(out, between, strlen(between));
        text += piece + 1;
        n -= piece + 1;
    }
    djs_json_text(out, text, n);
    djs_buf_byte(out, '"');
}

/* The last piece first, as one string. */
static void reversed(djs_buf *out, const djs_batch *b, const djs_entry *e) {
    const uint8_t *text = payload(b, e);
    djs_buf_byte(out, '"');
    for (size_t begin, end = e->n; end; end = begin ? begin - 1 : 0) {
        for (begin = end; begin && text[begin - 1] != DJS_BETWEEN; begin--) {}
        djs_json_text(out, text + begin, end - begin);
    }
    djs_buf_byte(out, '"');
}

/* The selector of an op's element, `depth` steps down the spine. */
static void selector(djs_buf *out, const djs_batch *b, const djs_entry *e, uint32_t depth) {
    djs_buf_byte(out, '"');
    if (!e->target_n) djs_json_text(out, b->id.ptr + b->name_n, b->selector_n);
    /* The caller's `a, b` with steps after it would be a, or what is below b. */
    if (e->target_n && depth) djs_buf_lit(out, ":is(");
    djs_json_text(out, target(b, e), e->target_n);
    if (e->target_n && depth) djs_buf_byte(out, ')');
    while (depth--) djs_buf_lit(out, ">:last-child");
    djs_buf_byte(out, '"');
}

/* ---- The djust form ---- */

static void key(djs_buf *out, const char *name) {
    djs_buf_byte(out, ',');
    word(out, name);
    djs_buf_byte(out, ':');
}

static djs_status object(djs_buf *out, const djs_batch *b, const djs_entry *e) {
    const djs_op_info *info = &djs_ops[e->op];
    if (!info->wire) return DJS_EINVAL;
    djs_buf_lit(out, "{\"op\":");
    word(out, info->wire);
    key(out, "target");
    selector(out, b, e, info->carries == DJS_DEEP ? e->depth : 0);
    switch (info->carries) {
    case DJS_NOTHING:
    case DJS_SELECTOR: break;
    case DJS_TEXT: key(out, "text"), string(out, b, e); break;
    case DJS_PIECES: key(out, "text"), pieces(out, b, e, ""); break;
    case DJS_REVERSED: key(out, "text"), reversed(out, b, e); break;
    case DJS_HTML:
    case DJS_DEEP: key(out, "html"), string(out, b, e); break;
    case DJS_MESSAGE:
        key(out, "error"), string(out, b, e);
        if (e->x) key(out, "retry"), djs_buf_uint(out, e->x - 1);
        break;
    case DJS_REASON:
        if (e->n) key(out, "reason"), string(out, b, e);
        break;
    case DJS_LIMIT:
        key(out, "limit"), djs_buf_uint(out, e->x);
        key(out, "edge"), word(out, e->y ? "bottom" : "top");
        break;
    case DJS_LENGTHS:
    case DJS_FLAG:
    case DJS_PATH: return DJS_EINVAL; /* no op of djust's carries these */
    }
    if (info->mode) key(out, "mode"), word(out, info->mode);
    djs_buf_byte(out, '}');
    return DJS_OK;
}

/* ---- The compact form ---- */

static void comma(djs_buf *out) { djs_buf_byte(out, ','); }

static void number(djs_buf *out, uint32_t value) {
    comma(out);
    djs_buf_uint(out, value);
}

static void path(djs_buf *out, const djs_batch *b, const djs_entry *e) {
    size_t at = e->at - e->depth * sizeof(uint32_t);
    djs_buf_lit(out, ",[");
    for (uint32_t i = 0, step; i < e->depth; i++) {
        memcpy(&step, b->bytes.ptr + at + i * sizeof step, sizeof step); /* bytes are not aligned */
        if (i) comma(out);
        djs_buf_uint(out, step);
    }
    djs_buf_byte(out, ']');
}

static void array(djs_buf *out, const djs_batch *b, const djs_entry *e) {
    const djs_op_info *info = &djs_ops[e->op];
    if (info->carries == DJS_PIECES) {
        pieces(out, b, e, "\",\"");
        return;
    }
    djs_buf_byte(out, '[');
    if (info->compact) word(out, info->compact);
    switch (info->carries) {
    case DJS_NOTHING: break;
    case DJS_TEXT:
    case DJS_HTML: comma(out), string(out, b, e); break;
    case DJS_MESSAGE:
        comma(out), string(out, b, e);
        if (e->x) number(out, e->x - 1);
        break;
    case DJS_PIECES: break; /* no array at all */
    case DJS_REVERSED: comma(out), reversed(out, b, e); break;
    case DJS_REASON:
        if (e->n) comma(out), string(out, b, e);
        break;
    case DJS_SELECTOR: comma(out), selector(out, b, e, 0); break;
    case DJS_LIMIT:
        number(out, e->x);
        comma(out), word(out, e->y ? "bottom" : "top");
        break;
    case DJS_DEEP:
        if (info->compact) comma(out); /* grow has no name: its depth comes first */
        djs_buf_uint(out, e->depth);
        comma(out), string(out, b, e);
        break;
    case DJS_LENGTHS: number(out, e->depth), number(out, e->x), number(out, e->y); break;
    case DJS_FLAG: number(out, e->depth), number(out, e->x); break;
    case DJS_PATH:
        path(out, b, e);
        comma(out), string(out, b, e);
        break;
    }
    djs_buf_byte(out, ']');
}

/* ["on",SELECTOR], unless ops are for that element anyway. Returns e, or
 * `before` for an op that names its element itself. */
static const djs_entry *on(djs_buf *out, const djs_batch *b, const djs_entry *e, const djs_entry *before) {
    if (djs_ops[e->op].carries == DJS_SELECTOR) return before;
    size_t n = before ? before->target_n : 0;
    if (n == e->target_n && (!n || !memcmp(target(b, before), target(b, e), n))) return e;
    djs_buf_lit(out, "[\"on\",");
    djs_json_string(out, target(b, e), e->target_n);
    djs_buf_lit(out, "],");
    return e;
}

/* ---- The message ---- */

static djs_status djust_ops(djs_buf *out, const djs_batch *b, const djs_entry *list, size_t n) {
    djs_status status = DJS_OK;
    for (size_t i = 0; i < n && !status; i++) {
        if (i) djs_buf_byte(out, ',');
        status = object(out, b, list + i);
    }
    return status;
}

static djs_status compact_ops(djs_buf *out, const djs_batch *b, const djs_entry *list, size_t n) {
    const djs_entry *before = NULL;
    for (size_t i = 0; i < n; i++) {
        if (i) comma(out);
        before = on(out, b, list + i, before);
        array(out, b, list + i);
    }
    return DJS_OK;
}

djs_status djs_frame_write(const djs_batch *b, uint64_t seq, djs_form form, djs_buf *out) {
    const djs_entry *list = (const djs_entry *)(const void *)b->entries.ptr;
    size_t begin = out->len, n = djs_batch_count(b);
    bool djust = form == DJS_FORM_DJUST;
    (void)djs_buf_grow(out, b->id.len + b->bytes.len + 16 * n + 64); /* mostly about right */
    djs_buf_byte(out, '{');
    if (form != DJS_FORM_COMPACT) djs_buf_lit(out, "\"type\":\"stream\",");
    word(out, djust ? "stream" : "s");
    djs_buf_byte(out, ':');
    djs_json_string(out, b->id.ptr, b->name_n);
    size_t before_epoch = b->name_n + b->selector_n;
    if (b->id.len > before_epoch) {
        key(out, djust ? "epoch" : "e");
        djs_json_string(out, b->id.ptr + before_epoch, b->id.len - before_epoch);
    }
    key(out, djust ? "seq" : "n");
    djs_buf_uint(out, seq);
    key(out, djust ? "ops" : "o");
    djs_buf_byte(out, '[');
    djs_status status = djust ? djust_ops(out, b, list, n) : compact_ops(out, b, list, n);
    djs_buf_lit(out, "]}");
    if (!status) status = out->status;
    if (status) djs_buf_cut(out, begin);
    return status;
}
