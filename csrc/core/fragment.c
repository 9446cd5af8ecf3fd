/* The compiler of fragments.
 *
 * The law: whatever the values, the page has the elements and attributes that
 * the template shows, and no more, but for what HTML values bring along in
 * text. So the template must be told apart as a browser would (WHATWG HTML,
 * 13.2.5), a hole may only be where a value cannot leave its place, and what a
 * browser would silently mend (a tag that is never closed, a quote that is
 * missing, an attribute given twice) is refused, because then the holes would
 * not be where they seem to be. So is a tag that a browser reads in another way
 * for those around it: in <svg><p><script/>{x} the hole is in the script.
 *
 * Escaping is not enough where the value is run: <script>, style, onclick,
 * srcdoc, the target of an SVG animation. There is no safe hole there.
 *
 * In      <a href="{base}{path}">      base "java", path "script:f()"
 *
 * each value alone would pass: an address is checked as a whole.
 *
 * Limits: DJS_MAX_HOLES names, DJS_MAX_BUF bytes.
 * Checked by: tests/c/test_fragment.c, tests/test_fragment.py.
 *
 * SPDX-License-Identifier: MIT */
#include "fragment.h"
#include "url.h"

typedef enum {
    IN_TEXT,
    IN_OPEN,     /* after < */
    IN_NAME,     /* in the name of a tag */
    IN_CLOSE,    /* after </ */
    IN_END_NAME, /* in the name of an end tag */
    IN_END_GAP,  /* behind it */
    IN_GAP,      /* in a tag, before an attribute */
    IN_SLASH,    /* after / in a tag */
    IN_ATTRIBUTE,
    IN_EQUALS, /* behind an attribute's name: = may come */
    IN_BEFORE_VALUE,
    IN_UNQUOTED,
    IN_QUOTED,
    IN_AFTER_VALUE,
    IN_MARKUP, /* after <! */
    IN_COMMENT,
    IN_DOCTYPE
} place;

typedef enum { VALUE_PLAIN, VALUE_LINK, VALUE_URL, VALUE_CODE } value_kind;

typedef struct {
    size_t name, n; /* in names */
    size_t line, column;
    bool foreign; /* is its content SVG or MathML? */
} open_tag;

typedef struct {
    djs_fragment *f;
    djs_refusal *why;
    place in;
    size_t line, column;
    size_t tag_line, tag_column;     /* of the < of this tag or comment */
    size_t quote_line, quote_column; /* of the quote that opens this value */
    size_t literal;                  /* where the part that is being written begins */

    open_tag *open;
    size_t depth, open_cap;
    djs_buf names; /* of the open tags */

    djs_buf tag, attribute, attributes; /* lower case; attributes: all of this tag, each with a NUL */
    uint8_t quote;
    value_kind value;
    const char *danger; /* why there can be no hole in a VALUE_CODE */
    djs_url url;
    size_t url_part; /* index of this value's DJS_PART_URL */
    bool url_checked;
    size_t sealed;                 /* the parts before this belong to an address: nothing is added to them */
    size_t meta_line, meta_column; /* of a hole in <meta content>, or 0 */

    const char *raw;  /* "script" and so on while in one, what a hole is there */
    bool raw_text;    /* ... and a hole is allowed, as text */
    bool raw_foreign; /* ... and it is in SVG, where a browser reads it as markup */
    size_t matched;   /* how much of the < / name that ends it has come */
    size_t dashes;    /* in a comment, those before this character */
    size_t comment;   /* how many characters it has */

    djs_status status;
} compiler;

/* ---- what is refused ---- */

#define END ((const char *)NULL)

static void refuse_at(compiler *c, size_t line, size_t column, const char *const *words) {
    if (c->status) return;
    c->status = DJS_EINVAL;
    c->why->line = line;
    c->why->column = column;
    for (; *words; words++) djs_buf_put(&c->why->reason, *words, strlen(*words));
    if (c->why->reason.status) c->status = c->why->reason.status;
}

#define REFUSE_AT(c, line, column, ...) refuse_at(c, line, column, (const char *const[]){__VA_ARGS__, END})
#define REFUSE(c, ...)                  REFUSE_AT(c, (c)->line, (c)->column, __VA_ARGS__)

/* ---- small things ---- */

static bool space(uint8_t b) { return b == ' ' || b == '\t' || b == '\n' || b == '\f' || b == '\r'; }
static uint8_t lower(uint8_t b) { return b >= 'A' && b <= 'Z' ? (uint8_t)(b + 32) : b; }
static bool letter(uint8_t b) { return lower(b) >= 'a' && lower(b) <= 'z'; }

/* The word as a C string. */
static const char *word(compiler *c, djs_buf *b) {
    djs_buf_byte(b, 0);
    if (b->status) {
        c->status = b->status;
        return "";
    }
    b->len--;
    return (const char *)b->ptr;
}

static bool one_of(const char *name, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(name, *list)) return true;
    return false;
}

static bool begins(const char *name, const char *prefix) { return !strncmp(name, prefix, strlen(prefix)); }

/* ---- parts ---- */

static djs_part *add_part(compiler *c, djs_part_kind kind, size_t at, size_t n) {
    djs_fragment *f = c->f;
    if (c->status) return NULL;
    if (f->count == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 8;
        djs_part *parts = djs_realloc(f->parts, cap * sizeof *parts);
        if (!parts) {
            c->status = DJS_ENOMEM;
            return NULL;
        }
        f->parts = parts;
        f->cap = cap;
    }
    f->parts[f->count] = (djs_part){kind, at, n};
    return &f->parts[f->count++];
}

static void end_literal(compiler *c) {
    djs_fragment *f = c->f;
    size_t n = f->literals.len - c->literal;
    if (f->literals.status) c->status = f->literals.status;
    djs_part *last = f->count ? &f->parts[f->count - 1] : NULL;
    if (n && f->count > c->sealed && last->kind == DJS_PART_LITERAL) last->n += n;
    else if (n) add_part(c, DJS_PART_LITERAL, c->literal, n);
    c->literal = f->literals.len;
}

/* ---- attributes ---- */

static const char *const links[] = {"href", "xlink:href", NULL};
static const char *const urls[] = {"src",         "action",     "formaction",
                                   "poster",      "cite",       "ping",
                                   "data",        "background", "longdesc",
                                   "manifest",    "codebase",   "classid",
                                   "profile",     "usemap",     "icon",
                                   "lowsrc",      "dynsrc",     "srcset",
                                   "imagesrcset", NULL}; /* of a list, the first: browsers only ever fetch
                                                            these */
static const char *const run[] = {
    "on", "hx-on", "data-hx-on", "hx-vars", "data-hx-vars", "@", ":",
    "x-", "v-",    "_",          NULL}; /* by htmx, Alpine, Vue, hyperscript: each attribute of theirs */
static const char *const animations[] = {"animate", "animatemotion", "animatetransform", "set", NULL};
static const char *const animated[] = {"to", "from", "by", "values", "attributename", NULL};
static const char *const script_attributes[] = {"id", "class", "nonce", NULL};

/* Why a value there is more than text, or NULL. */
static const char *danger_of(const char *tag, const char *name) {
    for (const char *const *prefix = run; *prefix; prefix++)
        if (begins(name, *prefix))
            return "its value is run as a script; use a data- attribute and a listener";
    if (!strcmp(name, "style")) return "its value is CSS, which escaping does not make safe; use a class";
    if (!strcmp(name, "srcdoc")) return "its value is a page of its own, where escaped text is markup again";
    if (!strcmp(name, "http-equiv")) return "its value decides what the page does";
    if (!strcmp(tag, "script") && !one_of(name, script_attributes) && !begins(name, "data-"))
        return "it decides what script is run";
    if (!strcmp(tag, "base") && !strcmp(name, "href")) return "it moves every address on the page";
    if (one_of(tag, animations) && one_of(name, animated))
        return "an animation could make it a script's address";
    return NULL;
}

static bool has_attribute(const compiler *c, const char *name) {
    const char *list = (const char *)c->attributes.ptr;
    for (size_t i = 0; i < c->attributes.len; i += strlen(list + i) + 1)
        if (!strcmp(list + i, name)) return true;
    return false;
}

/* The name of an attribute is complete. */
static void attribute_named(compiler *c) {
    const char *tag = word(c, &c->tag), *name = word(c, &c->attribute);
    if (c->status) return;
    if (has_attribute(c, name)) {
        REFUSE(c, "the attribute ", name, " is given twice");
        return;
    }
    djs_buf_put(&c->attributes, name, c->attribute.len + 1);
    if (c->attributes.status) c->status = c->attributes.status;
    c->danger = danger_of(tag, name);
    if (c->danger) c->value = VALUE_CODE;
    else if (one_of(name, links)) c->value = VALUE_LINK;
    else if (one_of(name, urls)) c->value = VALUE_URL;
    else c->value = VALUE_PLAIN;
}

static bool is_url(const compiler *c) { return c->value == VALUE_LINK || c->value == VALUE_URL; }

static void value_opened(compiler *c, uint8_t quote) {
    c->quote = quote;
    c->quote_line = c->line;
    c->quote_column = c->column;
    c->in = IN_QUOTED;
    if (!is_url(c)) return;
    end_literal(c);
    c->url = (djs_url){0};
    c->url_checked = false;
    c->url_part = c->f->count;
    add_part(c, DJS_PART_URL, c->value == VALUE_LINK, 0);
}

/* Called before the closing quote is written. An address without a hole, or whose scheme is written out,
 * needs no check: then its part goes, and the texts around it become one. */
static void value_closed(compiler *c) {
    djs_fragment *f = c->f;
    c->in = IN_AFTER_VALUE;
    if (!is_url(c)) return;
    end_literal(c);
    if (c->status) return;
    djs_part *part = &f->parts[c->url_part];
    part->n = (size_t)(f->parts + f->count - part) - 1;
    if (c->url_checked) {
        c->sealed = f->count;
        return;
    }
    bool merge =
        c->url_part && part[-1].kind == DJS_PART_LITERAL && part->n && part[1].kind == DJS_PART_LITERAL;
    if (merge) part[-1].n += part[1].n;
    size_t gone = merge ? 2 : 1;
    memmove(part, part + gone, (part->n + 1 - gone) * sizeof *part);
    f->count -= gone;
}

/* ---- tags ---- */

static const char *const voids[] = {"area", "base", "br",    "col",    "embed", "hr",  "img", "input",
                                    "link", "meta", "param", "source", "track", "wbr", NULL};

/* Elements whose content is not markup. A browser ends them at their end tag, whatever comes before. */
static const char *const raws[] = {"script",   "style",    "xmp",      "iframe", "noembed",
                                   "noframes", "noscript", "textarea", "title",  NULL};

static const char *const foreign_raws[] = {"script", "style", NULL};

/* In SVG and MathML, the elements whose content is HTML again. */
static const char *const integrations[] = {"foreignobject", "desc",           "title", "mi", "mo", "mn", "ms",
                                           "mtext",         "annotation-xml", NULL};

/* A browser leaves SVG and MathML where one of these stands there. */
static const char *const leavers[] = {
    "b",     "big", "blockquote", "body", "br",    "center",  "code",   "dd",     "div",  "dl",
    "dt",    "em",  "embed",      "font", "h1",    "h2",      "h3",     "h4",     "h5",   "h6",
    "head",  "hr",  "i",          "img",  "li",    "listing", "menu",   "meta",   "nobr", "ol",
    "p",     "pre", "ruby",       "s",    "small", "span",    "strong", "strike", "sub",  "sup",
    "table", "tt",  "u",          "ul",   "var",   NULL};

static bool is_foreign(const char *name) { return !strcmp(name, "svg") || !strcmp(name, "math"); }
static bool in_foreign(const compiler *c) { return c->depth && c->open[c->depth - 1].foreign; }

static void push_tag(compiler *c, const char *name) {
    if (c->depth == c->open_cap) {
        size_t cap = c->open_cap ? 2 * c->open_cap : 8;
        open_tag *open = djs_realloc(c->open, cap * sizeof *open);
        if (!open) {
            c->status = DJS_ENOMEM;
            return;
        }
        c->open = open;
        c->open_cap = cap;
    }
    bool foreign = is_foreign(name) || (in_foreign(c) && !one_of(name, integrations));
    c->open[c->depth++] = (open_tag){c->names.len, c->tag.len, c->tag_line, c->tag_column, foreign};
    djs_buf_put(&c->names, name, c->tag.len + 1);
    if (c->names.status) c->status = c->names.status;
}

static const char *innermost(const compiler *c) {
    return (const char *)c->names.ptr + c->open[c->depth - 1].name;
}

/* Where a browser would take the tag for another than it seems, because of those around it. Then what seems
 * to be text behind it may be in a script, or in an attribute. */
static const char *misplaced(const compiler *c, const char *name) {
    if (in_foreign(c) && one_of(name, leavers)) return "> ends the <svg> or <math> that it stands in";
    if (!strcmp(name, "mglyph") || !strcmp(name, "malignmark")) return "> is HTML here and MathML there";
    if (c->depth && !strcmp(innermost(c), "annotation-xml"))
        return "> in an <annotation-xml> is HTML or not, by its encoding";
    if (one_of(name, raws) && strcmp(name, "script"))
        for (size_t i = 0; i < c->depth; i++)
            if (!strcmp((const char *)c->names.ptr + c->open[i].name, "select"))
                return "> is not read in a <select>";
    return NULL;
}

/* The > of a start tag. */
static void tag_opened(compiler *c, bool slash) {
    const char *name = word(c, &c->tag), *why = misplaced(c, name);
    if (c->status) return;
    if (why) {
        REFUSE_AT(c, c->tag_line, c->tag_column, "<", name, why);
        return;
    }
    c->in = IN_TEXT;
    if (c->meta_column && has_attribute(c, "http-equiv")) {
        REFUSE_AT(c, c->meta_line, c->meta_column, "a hole in the attribute content of a <meta http-equiv>: ",
                  danger_of("meta", "http-equiv"));
        return;
    }
    if (!strcmp(name, "plaintext")) {
        REFUSE_AT(c, c->tag_line, c->tag_column, "<plaintext> never ends");
        return;
    }
    if (one_of(name, voids)) return;
    if (slash) {
        if (!in_foreign(c) && !is_foreign(name))
            REFUSE_AT(c, c->tag_line, c->tag_column, "<", name, "/> does not close the element: write <",
                      name, "></", name, ">");
        return;
    }
    c->raw_foreign = in_foreign(c);
    push_tag(c, name);
    if (c->status || !one_of(name, c->raw_foreign ? foreign_raws : raws)) return;
    c->raw = innermost(c);
    c->raw_text = !strcmp(name, "textarea") || !strcmp(name, "title");
    c->matched = 0;
}

/* The > of an end tag. */
static void tag_closed(compiler *c) {
    const char *name = word(c, &c->tag);
    if (c->status) return;
    c->in = IN_TEXT;
    if (one_of(name, voids)) {
        REFUSE_AT(c, c->tag_line, c->tag_column, "<", name, "> has no end tag");
    } else if (!c->depth) {
        REFUSE_AT(c, c->tag_line, c->tag_column, "</", name, "> closes nothing");
    } else if (strcmp(name, innermost(c))) {
        REFUSE_AT(c, c->tag_line, c->tag_column, "</", name, "> stands where <", innermost(c),
                  "> is still to be closed");
    } else {
        djs_buf_cut(&c->names, c->open[--c->depth].name);
        c->raw = NULL;
    }
}

/* ---- one byte ---- */

static void gap(compiler *c, uint8_t b) {
    if (space(b)) c->in = IN_GAP;
    else if (b == '/') c->in = IN_SLASH;
    else if (b == '>') tag_opened(c, false);
    else if (b == '<') REFUSE(c, "the tag before is not closed by >");
    else if (b == '"' || b == '\'') REFUSE(c, "a quote that belongs to no attribute");
    else if (b == '=') REFUSE(c, "= without an attribute's name");
    else if (c->in == IN_AFTER_VALUE) REFUSE(c, "there must be a space between two attributes");
    else {
        c->in = IN_ATTRIBUTE;
        djs_buf_clear(&c->attribute);
        djs_buf_byte(&c->attribute, lower(b));
    }
}

static void tag_name_done(compiler *c, uint8_t b) {
    djs_buf_clear(&c->attributes);
    c->meta_column = 0;
    gap(c, b);
}

/* In an element whose content is not markup. */
static void raw_byte(compiler *c, uint8_t b) {
    size_t n = strlen(c->raw);
    if (b == '<') {
        c->matched = 1;
        c->tag_line = c->line;
        c->tag_column = c->column;
    } else if (c->matched == 1 && b == '/') c->matched = 2;
    else if (c->matched == 1 && c->raw_foreign) REFUSE(c, "markup in a <", c->raw, "> in <svg> or <math>");
    else if (c->matched == 1 && b == '!' && !strcmp(c->raw, "script"))
        REFUSE(c, "<! in a script: a browser may take the rest of the page for script");
    else if (c->matched >= 2 && c->matched - 2 < n && lower(b) == (uint8_t)c->raw[c->matched - 2])
        c->matched++;
    else if (c->matched == n + 2 && (space(b) || b == '>' || b == '/')) {
        djs_buf_clear(&c->tag);
        djs_buf_put(&c->tag, c->raw, n);
        c->in = IN_END_GAP;
        if (b == '>') tag_closed(c);
        else if (b == '/') REFUSE(c, "/ in an end tag");
    } else c->matched = 0;
}

static void markup_begins(compiler *c) {
    c->in = IN_OPEN;
    c->tag_line = c->line;
    c->tag_column = c->column;
}

static void byte(compiler *c, uint8_t b) {
    if (!b) {
        REFUSE(c, "a NUL character");
        return;
    }
    switch (c->in) {
    case IN_TEXT:
        if (c->raw) raw_byte(c, b);
        else if (b == '<') markup_begins(c);
        break;
    case IN_OPEN:
        djs_buf_clear(&c->tag);
        if (letter(b)) {
            c->in = IN_NAME;
            djs_buf_byte(&c->tag, lower(b));
        } else if (b == '/') c->in = IN_CLOSE;
        else if (b == '!') {
            c->in = IN_MARKUP;
            c->dashes = 0;
        } else REFUSE_AT(c, c->tag_line, c->tag_column, "< begins no tag here: write &lt;");
        break;
    case IN_NAME:
        if (space(b) || b == '/' || b == '>') tag_name_done(c, b);
        else if (strchr("<\"'=`", b)) REFUSE(c, "a tag's name with ", (const char[]){(char)b, 0}, " in it");
        else djs_buf_byte(&c->tag, lower(b));
        break;
    case IN_CLOSE:
        if (!letter(b)) REFUSE_AT(c, c->tag_line, c->tag_column, "</ begins no tag here: write &lt;/");
        c->in = IN_END_NAME;
        djs_buf_byte(&c->tag, lower(b));
        break;
    case IN_END_NAME:
        if (b == '>') tag_closed(c);
        else if (space(b)) c->in = IN_END_GAP;
        else djs_buf_byte(&c->tag, lower(b));
        break;
    case IN_END_GAP:
        if (b == '>') tag_closed(c);
        else if (!space(b)) REFUSE(c, "an end tag has only a name");
        break;
    case IN_GAP:
    case IN_AFTER_VALUE: gap(c, b); break;
    case IN_SLASH:
        if (b == '>') tag_opened(c, true);
        else REFUSE(c, "/ in a tag, and no > behind it");
        break;
    case IN_ATTRIBUTE:
        if (space(b) || b == '/' || b == '>' || b == '=') {
            attribute_named(c);
            if (b == '=') c->in = IN_BEFORE_VALUE;
            else if (space(b)) c->in = IN_EQUALS;
            else gap(c, b);
        } else if (strchr("<\"'", b))
            REFUSE(c, "an attribute's name with ", (const char[]){(char)b, 0}, " in it");
        else djs_buf_byte(&c->attribute, lower(b));
        break;
    case IN_EQUALS:
        if (b == '=') c->in = IN_BEFORE_VALUE;
        else if (!space(b)) {
            c->in = IN_GAP;
            gap(c, b);
        }
        break;
    case IN_BEFORE_VALUE:
        if (b == '"' || b == '\'') c->in = IN_QUOTED; /* see text() */
        else if (b == '>') REFUSE(c, "an attribute without the value that = announces");
        else if (strchr("<=`", b))
            REFUSE(c, "a value without quotes with ", (const char[]){(char)b, 0}, " in it");
        else if (!space(b)) c->in = IN_UNQUOTED;
        break;
    case IN_UNQUOTED:
        if (space(b)) c->in = IN_GAP;
        else if (b == '>') tag_opened(c, false);
        else if (strchr("\"'<=`", b))
            REFUSE(c, "a value without quotes with ", (const char[]){(char)b, 0}, " in it");
        break;
    case IN_QUOTED:
        if (b == c->quote) c->in = IN_AFTER_VALUE; /* see text() */
        else if (is_url(c) && !c->url_checked) djs_url_feed(&c->url, &b, 1, 1, true);
        break;
    case IN_MARKUP:
        if (c->dashes == 0 && letter(b)) c->in = IN_DOCTYPE;
        else if (b != '-')
            REFUSE_AT(c, c->tag_line, c->tag_column, "<! begins neither a comment nor a doctype");
        else if (++c->dashes == 2) {
            c->in = IN_COMMENT;
            c->dashes = c->comment = 0;
        }
        break;
    case IN_COMMENT:
        if (b == '>' && c->dashes == c->comment && c->dashes < 2)
            REFUSE(c, "a comment that a browser ends here: write <!-- -->");
        else if (b == '>' && c->dashes >= 2) c->in = IN_TEXT;
        else if (b == '!' && c->dashes >= 2) REFUSE(c, "--! ends no comment: write -->");
        c->dashes = b == '-' ? c->dashes + 1 : 0;
        c->comment++;
        break;
    case IN_DOCTYPE:
        if (b == '>') c->in = IN_TEXT;
        break;
    }
}

static void advance(compiler *c, uint8_t b) {
    if (b == '\n') {
        c->line++;
        c->column = 1;
    } else if ((b & 0xC0) != 0x80) c->column++;
}

static void text(compiler *c, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n && !c->status; i++) {
        uint8_t b = bytes[i];
        place before = c->in;
        byte(c, b);
        /* An address begins behind its quote and ends before the other. */
        if (before == IN_QUOTED && c->in == IN_AFTER_VALUE) value_closed(c);
        djs_buf_byte(&c->f->literals, b);
        if (before == IN_BEFORE_VALUE && c->in == IN_QUOTED) value_opened(c, b);
        if (c->f->literals.status) c->status = c->f->literals.status;
        if (c->tag.status || c->attribute.status) c->status = DJS_ENOMEM;
        advance(c, b);
    }
}

/* ---- holes ---- */

static void quoted_hole(compiler *c, size_t number) {
    const char *tag = word(c, &c->tag), *name = word(c, &c->attribute);
    if (c->value == VALUE_CODE) {
        REFUSE(c, "a hole in the attribute ", name, ": ", c->danger);
        return;
    }
    if (!strcmp(tag, "meta") && !strcmp(name, "content") && !c->meta_column) {
        c->meta_line = c->line;
        c->meta_column = c->column;
    }
    if (is_url(c) && (c->url.verdict == DJS_URL_REFUSED || c->url.entity_n)) {
        REFUSE(c, "a hole in the attribute ", name,
               ", whose address begins with another scheme than http, https and mailto");
        return;
    }
    if (is_url(c) && c->url.verdict == DJS_URL_OPEN) c->url_checked = true;
    end_literal(c);
    add_part(c, DJS_PART_QUOTED, number, 0);
}

static void hole(compiler *c, size_t number) {
    if (c->status) return;
    switch (c->in) {
    case IN_TEXT:
        if (c->raw && !c->raw_text) {
            REFUSE(c, "a hole inside <", c->raw, ">, where escaping means nothing");
        } else if (c->raw && c->matched) {
            REFUSE(c, "a hole in the name of a tag");
        } else {
            end_literal(c);
            add_part(c, c->raw ? DJS_PART_QUOTED : DJS_PART_TEXT, number, 0);
        }
        break;
    case IN_OPEN:
    case IN_NAME:
    case IN_CLOSE:
    case IN_END_NAME:
    case IN_END_GAP: REFUSE(c, "a hole in the name of a tag"); break;
    case IN_GAP:
    case IN_SLASH:
    case IN_ATTRIBUTE:
    case IN_EQUALS:
    case IN_AFTER_VALUE: REFUSE(c, "a hole in the name of an attribute"); break;
    case IN_BEFORE_VALUE:
    case IN_UNQUOTED: REFUSE(c, "a hole in an attribute without quotes: write =\"{...}\""); break;
    case IN_QUOTED: quoted_hole(c, number); break;
    case IN_MARKUP:
    case IN_COMMENT: REFUSE(c, "a hole in a comment"); break;
    case IN_DOCTYPE: REFUSE(c, "a hole in a doctype"); break;
    }
}

/* The number of a hole by its name, a new one if that was not there or the hole has none. */
static size_t number_of(compiler *c, const uint8_t *name, size_t n, bool named) {
    djs_fragment *f = c->f;
    size_t at = 0, number = 0;
    for (; named && at < f->names.len; number++) {
        size_t len = strlen((char *)f->names.ptr + at);
        if (len == n && !memcmp(f->names.ptr + at, name, n)) return number;
        at += len + 1;
    }
    if (f->holes == DJS_MAX_HOLES) {
        REFUSE(c, "more than 64 holes: make a fragment of several");
        return 0;
    }
    if (named) {
        djs_buf_put(&f->names, name, n);
        djs_buf_byte(&f->names, 0);
    }
    if (f->names.status) c->status = f->names.status;
    return f->holes++;
}

/* ---- the whole ---- */

static void finish(compiler *c) {
    if (c->status) return;
    switch (c->in) {
    case IN_TEXT:
        if (!c->depth) break;
        REFUSE_AT(c, c->open[c->depth - 1].line, c->open[c->depth - 1].column, "<", innermost(c),
                  "> is never closed");
        break;
    case IN_OPEN:
    case IN_NAME:
    case IN_CLOSE:
    case IN_END_NAME:
    case IN_END_GAP:
    case IN_GAP:
    case IN_SLASH:
    case IN_ATTRIBUTE:
    case IN_EQUALS:
    case IN_BEFORE_VALUE:
    case IN_UNQUOTED:
    case IN_AFTER_VALUE: REFUSE_AT(c, c->tag_line, c->tag_column, "a tag that no > ends"); break;
    case IN_QUOTED: REFUSE_AT(c, c->quote_line, c->quote_column, "a quote that is never closed"); break;
    case IN_MARKUP:
    case IN_COMMENT:
    case IN_DOCTYPE:
        REFUSE_AT(c, c->tag_line, c->tag_column, "a comment or doctype that is never closed");
        break;
    }
    end_literal(c);
}

static djs_status compiled(compiler *c) {
    finish(c);
    djs_realloc(c->open, 0);
    djs_buf_free(&c->names);
    djs_buf_free(&c->tag);
    djs_buf_free(&c->attribute);
    djs_buf_free(&c->attributes);
    return c->status;
}

static bool name_byte(uint8_t b, bool first) {
    return letter(b) || b == '_' || (!first && b >= '0' && b <= '9');
}

/* {name} at bytes[0]; returns its length, or 0 when it was refused. */
static size_t brace(compiler *c, const uint8_t *bytes, size_t n) {
    size_t end = 1;
    while (end < n && name_byte(bytes[end], end == 1)) end++;
    if (end == n || bytes[end] != '}' || end == 1) {
        REFUSE(c, "{ begins no hole: a hole is {name}, of ASCII letters, digits and _; a brace is {{");
        return 0;
    }
    size_t number = number_of(c, bytes + 1, end - 1, true);
    hole(c, number);
    c->column += end + 1;
    return end + 1;
}

djs_status djs_fragment_compile(djs_fragment *f, const uint8_t *bytes, size_t n, djs_refusal *why) {
    compiler c = {.f = f, .why = why, .line = 1, .column = 1};
    for (size_t i = 0; i < n && !c.status;) {
        uint8_t b = bytes[i];
        if (b != '{' && b != '}') {
            text(&c, bytes + i++, 1);
        } else if (i + 1 < n && bytes[i + 1] == b) {
            text(&c, bytes + i, 1);
            c.column++;
            i += 2;
        } else if (b == '}') {
            REFUSE(&c, "} without {: a brace is }}");
        } else {
            i += brace(&c, bytes + i, n - i);
        }
    }
    return compiled(&c);
}

djs_status djs_fragment_compile_cut(djs_fragment *f, const djs_slice *strings, const djs_slice *names,
                                    size_t holes, djs_refusal *why) {
    compiler c = {.f = f, .why = why, .line = 1, .column = 1};
    for (size_t i = 0; i <= holes && !c.status; i++) {
        text(&c, strings[i].text, strings[i].n);
        if (i == holes || c.status) break;
        size_t number = number_of(&c, NULL, 0, false);
        hole(&c, number);
        c.column += 2;
        for (size_t k = 0; k < names[i].n; k++) advance(&c, names[i].text[k]);
    }
    return compiled(&c);
}

void djs_fragment_free(djs_fragment *f) {
    djs_buf_free(&f->literals);
    djs_buf_free(&f->names);
    djs_realloc(f->parts, 0);
    *f = (djs_fragment){0};
}
