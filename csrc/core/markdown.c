/* Streaming Markdown.
 *
 * The law: feeding a text in any pieces, with frames at any places, ends in
 * the same DOM as djs_markdown_render of the whole; and every frame shows a
 * well-formed, safe page.
 *
 *     "- a\n\n- b"    the first item is on the page as tight; at "- b" the
 *                     list is loose: one edit, and no node is rebuilt.
 *     "[x]\n\n[x]: /u" the paragraph is on the page as text; the definition
 *                     replaces what is in it, and nothing else.
 *
 * A feed past max_bytes is refused, and the rest goes on. After any other
 * failure the md is closed: every call says why, and what is on the page stays.
 *
 * Checked by: tests/test_markdown.py, tests/test_markdown_spec.py,
 * tests/fuzz_markdown.py, tests/c/test_markdown.c.
 *
 * SPDX-License-Identifier: MIT */
#include "markdown.h"
#include "alert.h"
#include "hold.h"
#include "late.h"
#include "letters.h"
#include "notes.h"
#include "tail.h"
#include "utf8.h"
#include <cmark_ctype.h>

struct djs_markdown {
    djs_markdown_options options;
    djs_status failed;
    bool finished;
    bool skip_newline; /* the last byte was CR: an LF now belongs to it */
    size_t fed;        /* bytes of source in all */
    size_t shown;      /* of text: how much the last frame knew */
    djs_memory memory;
    djs_spine spine;
    djs_page page;
    djs_edits edits;
    djs_buf text;   /* fed and valid, from the beginning of the unfinished line */
    uint8_t cut[4]; /* the beginning of a character, at the end of what was fed */
    size_t cut_n;
    djs_buf source; /* the whole text, with options.fill */
    bool filled;    /* a fill was sent */
    bool unsure;    /* the page was filled with a definition in sight that is not certain: fill it again */
    djs_buf fresh;  /* labels defined since the last line */
    djs_late late;
    djs_notes notes;
    bool ahead; /* the page was filled with more footnotes than the edits said: fill it again */
    djs_slugs slugs;
};

/* Of the leaf that was noted last: where it stands, and what footnotes it uses. */
static void note_uses(djs_markdown *md, djs_render *r, size_t uses) {
    uint32_t index = (uint32_t)(md->late.leaves.len / sizeof(djs_late_leaf)) - 1;
    djs_late_leaf *leaf = (djs_late_leaf *)(void *)md->late.leaves.ptr + index;
    leaf->position = r->position;
    leaf->uses = r->leaf_uses;
    leaf->uses_n = uses;
    leaf->id = r->id;
    if (r->note) djs_notes_hole(r, index);
}

static void note_leaf(djs_render *r, cmark_node *leaf) {
    djs_markdown *md = r->context;
    djs_buf *misses = &md->spine.misses;
    size_t uses = r->notes ? djs_notes_uses(r->notes, false) - r->leaf_uses : 0;
    if ((misses->len && r->nesting <= DJS_MAX_NESTING) || uses) {
        size_t path = md->late.paths.len, steps = 0;
        if (!r->note && r->nesting <= DJS_MAX_NESTING) steps = djs_spine_path(leaf, &md->late.paths);
        djs_status status = md->late.paths.status;
        if (!status)
            status =
                djs_late_add(&md->late, leaf->content.ptr, (size_t)leaf->content.size, path, steps, misses);
        if (status) r->out->status = status;
        else note_uses(md, r, uses);
    }
    djs_buf_clear(misses);
}

djs_markdown *djs_markdown_new(const djs_markdown_options *options) {
    djs_markdown *md = djs_calloc(1, sizeof *md);
    if (!md) return NULL;
    md->options = *options;
    md->spine = (djs_spine){.memory = &md->memory,
                            .page = &md->page,
                            .edits = &md->edits,
                            .options = &md->options.render,
                            .slugs = options->render.heading_ids ? &md->slugs : NULL,
                            .raw = options->mode == DJS_RAW,
                            .strict = options->fill,
                            .on_leaf = note_leaf,
                            .context = md};
    if (djs_spine_start(&md->spine)) {
        djs_markdown_free(md);
        return NULL;
    }
    ((djs_refmap *)md->spine.live->refmap)->fresh = &md->fresh;
    if (options->render.footnotes) {
        md->notes = (djs_notes){.misses = &md->spine.misses,
                                .fresh = &md->fresh,
                                .late = &md->late,
                                .pending = options->mode == DJS_COMPLETE};
        md->spine.notes = &md->notes;
    }
    return md;
}

void djs_markdown_free(djs_markdown *md) {
    if (!md) return;
    djs_spine_free(&md->spine);
    djs_memory_free(&md->memory);
    djs_edits_free(&md->edits);
    djs_late_free(&md->late);
    djs_notes_free(&md->notes);
    djs_buf_free(&md->slugs.table);
    djs_buf_free(&md->page.tail);
    djs_buf_free(&md->text);
    djs_buf_free(&md->source);
    djs_buf_free(&md->fresh);
    djs_realloc(md, 0);
}

/* ---- text in ---- */

/* Appends bytes as valid UTF-8 without NUL. */
static void clean(djs_buf *out, const uint8_t *bytes, size_t n) {
    while (n) {
        const uint8_t *nul = memchr(bytes, 0, n);
        size_t before = nul ? (size_t)(nul - bytes) : n;
        djs_utf8_clean(out, bytes, before);
        if (!nul) return;
        djs_buf_lit(out, "\xEF\xBF\xBD");
        bytes += before + 1;
        n -= before + 1;
    }
}

/* ASCII, without NUL, is clean as it is. n: a word's bytes at least. */
static bool is_clean(const uint8_t *bytes, size_t n) {
    uint64_t word;
    for (size_t i = 0;; i += sizeof word) {
        if (i + sizeof word > n) i = n - sizeof word;
        memcpy(&word, bytes + i, sizeof word);
        if ((word | (word - 0x0101010101010101u)) & 0x8080808080808080u) return false;
        if (i + sizeof word == n) return true;
    }
}

/* The usual case: valid UTF-8, whose last character may be cut. Otherwise nothing is done. */
static bool feed_valid(djs_markdown *md, const uint8_t *bytes, size_t n) {
    size_t cut = md->cut_n, end = cut + n;
    if (!djs_buf_grow(&md->text, end + sizeof md->cut)) return true;
    uint8_t *text = md->text.ptr + md->text.len;
    if (!cut && n >= sizeof(uint64_t) && is_clean(bytes, n)) {
        memcpy(text, bytes, n);
        md->text.len += n;
        md->fed += n;
        return true;
    }
    uint64_t state = djs_utf8_copy(DJS_UTF8_START, text, md->cut, cut);
    state = djs_utf8_copy(state, text + cut, bytes, n);
    if (state == DJS_UTF8_BAD) return false;
    md->fed += n;
    md->text.len += end;
    if (state == DJS_UTF8_START) return md->cut_n = 0, true;
    for (cut = 1; !(text[end - cut] & 0x40); cut++) {} /* back to its first byte */
    memcpy(md->cut, text + end - cut, sizeof md->cut); /* all of it: that is one instruction */
    md->cut_n = cut;
    md->text.len -= cut;
    return true;
}

djs_status djs_markdown_feed(djs_markdown *md, const uint8_t *bytes, size_t n) {
    if (md->failed || md->finished) return md->failed ? md->failed : DJS_ECLOSED;
    if (n > md->options.max_bytes - md->fed) return DJS_ETOOBIG;
    if (!md->options.fill && feed_valid(md, bytes, n)) return md->failed = md->text.status;
    size_t text = md->text.len, source = md->source.len;
    while (md->cut_n && n) { /* finish a character that was cut */
        md->cut[md->cut_n++] = *bytes;
        if (djs_utf8_unfinished(md->cut, md->cut_n) == md->cut_n) {
            bytes++, n--, md->fed++;
            continue;
        }
        bool whole = djs_utf8_valid(md->cut, md->cut_n) == md->cut_n;
        clean(&md->text, md->cut, whole ? md->cut_n : md->cut_n - 1);
        if (whole) bytes++, n--, md->fed++;
        md->cut_n = 0;
    }
    size_t rest = djs_utf8_unfinished(bytes, n);
    if (n > rest) clean(&md->text, bytes, n - rest);
    if (md->options.fill && md->text.len > text)
        djs_buf_put(&md->source, md->text.ptr + text, md->text.len - text);
    if (md->text.status || md->source.status) {
        djs_status why = md->text.status ? md->text.status : md->source.status;
        djs_buf_cut(&md->text, text);
        djs_buf_cut(&md->source, source);
        return md->failed = why;
    }
    if (rest) memcpy(md->cut, bytes + n - rest, md->cut_n = rest);
    md->fed += n;
    return DJS_OK;
}

size_t djs_markdown_pending(const djs_markdown *md) { return md->text.len - md->shown; }

/* ---- lines ---- */

static size_t find(const uint8_t *text, size_t from, size_t n, uint8_t c) {
    const uint8_t *at = from < n ? memchr(text + from, c, n - from) : NULL;
    return at ? (size_t)(at - text) : n;
}

/* The lines of text, with CR, LF and CR LF as ends; on_line for each whole one.
 * Returns where the unfinished one begins. */
static size_t each_line(const uint8_t *text, size_t n, size_t from, bool *skip_newline,
                        void (*on_line)(void *, const uint8_t *, size_t), void *context) {
    size_t start = 0;
    if (*skip_newline && n) {
        start = text[0] == '\n';
        if (from < start) from = start;
        *skip_newline = false;
    }
    size_t lf = find(text, from, n, '\n'), cr = find(text, from, n, '\r');
    while (lf < n || cr < n) {
        size_t end = lf < cr ? lf : cr;
        on_line(context, text + start, end - start);
        start = end + 1;
        if (end == cr && start == n) *skip_newline = true;
        else if (end == cr && start == lf) start++;
        if (lf < start) lf = find(text, start, n, '\n');
        if (cr < start) cr = find(text, start, n, '\r');
    }
    return start;
}

static void patch_leaf(djs_markdown *md, djs_late_leaf *leaf, djs_buf *out) {
    djs_spine *s = &md->spine;
    cmark_parser parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    djs_run run = {leaf->uses, leaf->uses_n};
    r.out = out;
    r.position = leaf->position;
    if (s->notes) r.run = &run;
    cmark_node *node = cmark_node_new_with_mem(CMARK_NODE_PARAGRAPH, &djs_scratch);
    cmark_strbuf_put(&node->content, md->late.texts.ptr + leaf->text, (bufsize_t)leaf->n);
    djs_render_inlines(&r, node);
    if (leaf->id) djs_render_anchor(&r, node, leaf->id);
    djs_buf_clear(&s->misses); /* already noted under this leaf */
    leaf->uses = run.first;
    leaf->uses_n = run.n;
}

/* What has settled is on the page; what is there already stays, with the tail after it. */
static void settle_shown(djs_spine *s) {
    size_t n = s->html.len;
    /* Raw, the tail may show a definition as text, in the run of an item that is patched. */
    if (s->raw || n > s->page->tail.len || (n && memcmp(s->page->tail.ptr, s->html.ptr, n))) {
        djs_spine_flush(s);
        return;
    }
    djs_page_settle(s->page, n);
    djs_buf_clear(&s->html);
    s->mark = 0;
    s->leaf.on = false;
}

/* The leaves that are due, rendered again in place. */
static void patch_due(djs_markdown *md) {
    djs_spine *s = &md->spine;
    const uint32_t *due = (const uint32_t *)(const void *)md->late.due.ptr;
    djs_spine_check(&md->late.due);
    if (!md->late.due.len) return;
    if (s->notes && djs_notes_forget(s->notes)) s->leaf.on = false;
    settle_shown(s);
    for (size_t i = 0; i < md->late.due.len / sizeof *due; i++) {
        djs_late_leaf *leaf = (djs_late_leaf *)(void *)md->late.leaves.ptr + due[i];
        /* A leaf that is not on the page, as what footnotes say, is rendered only for the notes it uses now.
         */
        djs_edit *edit = leaf->steps ? djs_edits_add(&md->edits, DJS_PATCH) : NULL;
        djs_buf *out = leaf->steps ? &md->edits.html : &s->spare;
        size_t before = out->len;
        leaf->due = false;
        patch_leaf(md, leaf, out);
        if (edit) {
            djs_buf_put(&md->edits.paths, md->late.paths.ptr + leaf->path, leaf->steps * sizeof(uint32_t));
            edit->steps = leaf->steps;
            edit->n = out->len - before;
        } else {
            djs_buf_cut(out, before);
        }
    }
    djs_buf_clear(&md->late.due);
}

/* The definitions that a line completed: their leaves, rendered again. */
static void patch_late(djs_markdown *md) {
    (void)djs_late_define(&md->late, &md->fresh);
    djs_buf_clear(&md->fresh);
    patch_due(md);
}

/* The end of the text: every number is known, and the footnotes come last. */
static void finish_notes(djs_markdown *md) {
    djs_spine *s = &md->spine;
    djs_notes_finish(&md->notes);
    patch_due(md);
    cmark_parser parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    size_t before = s->html.len;
    djs_notes_section(&r);
    djs_spine_check(&s->html);
    if (s->html.len > before) s->mark = r.mark;
    djs_page_turn(s->page, s->html.ptr, s->mark, s->html.len, s->edits);
    djs_buf_clear(&s->html);
    s->mark = 0;
}

static void whole_line(void *context, const uint8_t *line, size_t n) {
    djs_markdown *md = context;
    if (djs_tail_line(&md->spine, line, n)) return;
    djs_spine_line(&md->spine, line, n);
    if (md->fresh.len) patch_late(md);
}

/* Parses the lines that have ended; false when there was none. */
static bool take_lines(djs_markdown *md) {
    size_t start = each_line(md->text.ptr, md->text.len, md->shown, &md->skip_newline, whole_line, md);
    djs_buf_drop(&md->text, start);
    md->shown = md->text.len;
    return start > 0;
}

/* ---- frames ---- */

static djs_status render(const djs_markdown_options *options, const uint8_t *text, size_t n, bool partial,
                         djs_buf *out, bool *unsure);
/* HTML without the end tags at its end. */
static size_t open_end(const uint8_t *html, size_t n) {
    while (n && html[n - 1] == '>') {
        size_t tag = n - 1;
        while (tag && html[tag] != '<') tag--;
        if (html[tag + 1] != '/') break;
        n = tag;
    }
    return n;
}

/* Does this page, a whole render, end in the tail that the edits to come go on from? It does not where the
 * render shows more of the footnotes, which the edits show in larger steps, or less of a heading, whose last
 * space it does not see. Where there may be footnotes, nobody knows of no tail. */
static bool ends_in_tail(const djs_markdown *md, const djs_buf *html) {
    const djs_buf *tail = &md->page.tail;
    size_t n = open_end(tail->ptr, tail->len), m = open_end(html->ptr, html->len);
    if (!n) return !md->spine.notes;
    return n <= m && !memcmp(html->ptr + m - n, tail->ptr, n);
}

/* For clients that know only grow and fill: anything else becomes the whole page. What came after a fill was
 * told by what the spine remembers, so the end of the text is one more. */
static djs_status fill(djs_markdown *md) {
    djs_edit *list = (djs_edit *)(void *)md->edits.list.ptr;
    size_t i = 0, n = djs_edits_count(&md->edits);
    while (i < n && list[i].kind == DJS_GROW) i++;
    bool last = md->finished && md->filled, ahead = md->ahead && (n || md->finished);
    if (i == n && !md->unsure && !last && !ahead) return DJS_OK;
    md->filled = true;
    djs_edits_clear(&md->edits);
    djs_edit *edit = djs_edits_add(&md->edits, DJS_FILL);
    bool hold = md->options.mode == DJS_HOLD;
    djs_markdown_options options = md->options;
    options.max_bytes = DJS_MAX_BUF; /* what was replaced by U+FFFD has grown */
    djs_status status =
        render(&options, md->source.ptr, md->source.len, !md->finished, &md->edits.html, &md->unsure);
    if (edit) edit->n = md->edits.html.len;
    md->ahead = !hold && !ends_in_tail(md, &md->edits.html);
    return status;
}

/* Most frames bring only more of a line that is known to be text, or lines of code: no parser has to see
 * them. */
static bool show_more(djs_markdown *md) {
    if (md->skip_newline) return false;
    while (!djs_tail_more(&md->spine, md->text.ptr, md->text.len)) {
        const uint8_t *text = md->text.ptr, *end = NULL;
        if (md->spine.growing) end = memchr(text + md->shown, '\n', md->text.len - md->shown);
        if (!end || memchr(text + md->shown, '\r', (size_t)(end - text) - md->shown) ||
            !djs_tail_line(&md->spine, text, (size_t)(end - text)))
            return false;
        djs_buf_drop(&md->text, (size_t)(end - text) + 1);
        md->shown = 0;
    }
    md->shown = md->text.len;
    return true;
}

static void note_capped(const djs_markdown_options *options, const cmark_map *map) {
    if (options->capped && ((const djs_refmap *)map)->capped) *options->capped = true;
}

/* A stream that waits for more holds what its open blocks need, however long the last ones were. */
static void trim(djs_markdown *md) {
    djs_buf *bufs[] = {&md->text, &md->page.tail, &md->spine.html, &md->spine.spare, &md->spine.leaf.text};
    if (!md->spine.leaf.on && !md->spine.row.on) djs_buf_clear(&md->spine.leaf.text);
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        if (!djs_buf_trim(bufs[i])) djs_memory_fail(DJS_ENOMEM);
}

static bool holds(const djs_markdown *md) { return md->options.mode == DJS_HOLD; }

static djs_status turn(djs_markdown *md, bool last, const djs_edits **edits) {
    *edits = &md->edits;
    djs_edits_clear(&md->edits);
    if (md->failed) return md->failed;
    if (md->finished) return DJS_OK;
    if (!last && md->shown == md->text.len) return DJS_OK; /* nothing new */
    if (!last && !holds(md) && !md->ahead && show_more(md)) return md->failed = djs_edits_status(&md->edits);
    if (setjmp(*djs_memory_enter(&md->memory))) {
        md->failed = djs_memory_leave();
        djs_memory_free(&md->memory);
        djs_edits_clear(&md->edits);
        return md->failed;
    }
    if (last) {
        if (md->cut_n) clean(&md->text, md->cut, md->cut_n);
        if (md->cut_n && md->options.fill) clean(&md->source, md->cut, md->cut_n);
        md->cut_n = 0;
        if (md->text.status || md->source.status) djs_memory_fail(DJS_ENOMEM);
    }
    md->spine.effort.fed = md->fed;
    bool lines = take_lines(md);
    if (last) {
        if (md->text.len) whole_line(md, md->text.ptr, md->text.len);
        djs_spine_end(&md->spine);
        if (md->fresh.len) patch_late(md);
        if (md->spine.notes) finish_notes(md);
        else djs_spine_flush(&md->spine);
        md->finished = true;
        djs_buf_free(&md->text);
        md->shown = 0;
    } else if (holds(md)) {
        djs_hold_show(&md->spine, md->options.fill);
    } else {
        djs_tail_show(&md->spine, md->text.ptr, md->text.len, lines);
    }
    note_capped(&md->options, md->spine.live->refmap);
    if (lines) trim(md);
    djs_scratch_free(&md->memory);
    djs_memory_leave();
    djs_status status = djs_edits_status(&md->edits);
    if (!status && md->options.fill) status = fill(md);
    if (status || last) djs_memory_free(&md->memory);
    if (status) djs_edits_clear(&md->edits);
    return md->failed = status;
}

/* Are letters all that is new? */
static bool show_letters(djs_markdown *md) {
    djs_spine *s = &md->spine;
    bool code = djs_letters_may_code(s);
    if (!(code || djs_letters_may(s)) || md->failed || md->ahead || md->shown == md->text.len) return false;
    djs_edits_clear(&md->edits);
    return code ? djs_letters_code(s, &md->text) : djs_letters_more(s, &md->text);
}

djs_status djs_markdown_frame(djs_markdown *md, const djs_edits **edits) {
    if (!show_letters(md)) return turn(md, false, edits);
    *edits = &md->edits;
    md->shown = md->text.len;
    return DJS_OK;
}

djs_status djs_markdown_finish(djs_markdown *md, const djs_edits **edits) { return turn(md, true, edits); }

/* ---- all at once ---- */

static void feed_whole(void *context, const uint8_t *line, size_t n) {
    djs_render *r = context;
    djs_spine_feed(r->parser, line, n);
    if (r->notes) djs_notes_watch(r->notes, r->parser, n);
}

/* The blocks of the document but `untold`, and its footnotes, when they are to be shown. */
static void render_root(djs_render *r, const cmark_node *untold, bool partial, bool hold) {
    bool after = false;
    uint32_t runs = 0;
    for (cmark_node *child = r->parser->root->first_child; child; child = child->next) {
        size_t before = r->out->len;
        if (child == untold) continue;
        djs_render_block(r, child);
        if (djs_is_note(child)) after = true;
        else if (r->out->len > before) runs += after, after = false;
    }
    if (r->notes && (!partial || (!hold && after && runs < DJS_NOTES_RUNS))) djs_notes_section(r);
}

/* *unsure: the unfinished line or paragraph would define something. */
static djs_status render(const djs_markdown_options *options, const uint8_t *text, size_t n, bool partial,
                         djs_buf *out, bool *unsure) {
    djs_memory memory = {0};
    djs_buf clean_text = {0};
    djs_notes notes = {.whole = !partial, .pending = options->mode == DJS_COMPLETE};
    djs_slugs slugs = {0};
    size_t before = out->len;
    if (n > options->max_bytes) return DJS_ETOOBIG;
    if (partial) n -= djs_utf8_unfinished(text, n);
    clean(&clean_text, text, n);
    if (setjmp(*djs_memory_enter(&memory))) {
        djs_status why = djs_memory_leave();
        djs_memory_free(&memory);
        djs_buf_free(&clean_text);
        djs_notes_free(&notes);
        djs_buf_free(&slugs.table);
        djs_buf_cut(out, before);
        return why;
    }
    if (clean_text.status) djs_memory_fail(clean_text.status);
    cmark_parser *parser = djs_cmark_parser(&djs_scratch);
    bool hold = options->mode == DJS_HOLD;
    djs_render r = {.out = out,
                    .options = &options->render,
                    .slugs = options->render.heading_ids ? &slugs : NULL,
                    .parser = parser,
                    .map = parser->refmap,
                    .notes = options->render.footnotes ? &notes : NULL,
                    .raw = options->mode == DJS_RAW};
    parser->options |= djs_render_syntax(&options->render);
    bool skip = false;
    size_t start = each_line(clean_text.ptr, clean_text.len, 0, &skip, feed_whole, &r);
    size_t rest = clean_text.len - start;
    const uint8_t *line = rest ? clean_text.ptr + start : NULL;
    /* What the unfinished line or paragraph would define is not certain: only the tail may use it. */
    djs_refmap uncertain = {.base = {.mem = &djs_scratch}, .below = (djs_refmap *)parser->refmap};
    if (partial) {
        r.tail_map = parser->refmap = &uncertain.base;
        djs_notes_mark_unsettled(parser->current);
        if (!hold) r.tail = djs_tail_try(parser, line, rest, r.raw);
        djs_notes_mark_open(parser->current);
    } else if (rest) {
        feed_whole(&r, line, rest);
    }
    cmark_node *open = parser->current;
    const cmark_node *untold = partial && !r.raw ? djs_alert_undecided(parser) : NULL;
    djs_cmark_close_all(parser);
    if (partial && hold) djs_hold_prune(open, options->fill);
    render_root(&r, untold, partial, hold);
    *unsure = uncertain.base.size > 0;
    note_capped(options, parser->refmap);
    djs_memory_free(&memory);
    djs_memory_leave();
    djs_buf_free(&clean_text);
    djs_notes_free(&notes);
    djs_buf_free(&slugs.table);
    if (out->status) djs_buf_cut(out, before);
    return out->status;
}

djs_status djs_markdown_render(const djs_markdown_options *options, const uint8_t *text, size_t n,
                               bool partial, djs_buf *out) {
    bool unsure;
    return render(options, text, n, partial, out, &unsure);
}
