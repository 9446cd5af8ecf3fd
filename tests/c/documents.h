/* Documents made by chance, most of them odd: some are soup, pieces of
 * syntax in any order; some lines, each with a prefix of containers (often
 * that of the line before, or less: a lazy line) and something in it; some
 * prose: what stands in real texts, next to anything that may.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_TEST_DOCUMENTS_H
#define DJS_TEST_DOCUMENTS_H

#include <string.h>
#include "buf.h"

static const char *const soup[] = {
    /* what most documents are made of */
    "a", "b c", "word ", "the ", "*", "**", "_", "__", "~~", "~", "`", "``", "```", "```\n", "~~~\n", "\n",
    "\n", "\n", "\n\n", "\n\n", "  ", "    ", "\t", "- ", "- ", "* ", "+ ", "1. ", "2) ", "- [ ] ",
    "- [x] \n", "> ", ">", "# ", "## ", "#", " ",
    /* the rest */
    "---", "===", "***", "- - -", "[foo]", "[foo]: /u\n", "[foo]: /v \"t\"\n", "[b c]", "[b c]: <x y>\n",
    "[a](b)", "[a](", "![", "](u \"t\")", ")", "]", "[", "<b>", "</b>\n<div>", "</div>", "<!--", "-->",
    "<a href=\"x\">", "<http://a.b>", "<", "&amp;", "&", "&#35;", ";", "\\", "|", "| a | b |\n",
    "|---|:-:|\n", "|-|\n", " | ", "http://x.y/z", "www.a.b", "a@b.c", "@", "info", "support", "https", ":",
    "://", "w", "ww", "!", "\r\n", "\r", "\xC3\xA9", "\xE6\xBC\xA2", "\xE5\xAD\x97", "\xF0\x9F\x98\x80",
    "\xE3\x80\x82", "\xE3\x80\x8C", "\xEF\xBC\x89", "\"", "'", "(", ".", "1", "10000000000. [ ] x", "\\|",
    "=", "-", "+", "</p>", "<pre>", "</pre>", "<?", "?>", "<![CDATA[", "]]>", "[^1]", "[^1]: x\n", "  \n",
    "\\\n", "&#65534;", "\\0", "&#64;", "javascript:", "<script>", "\xEF\xBB\xBF", "2*x", "*args", "f(x)*g",
    "2**10", "[![a](b)](c)", "[![a](", "**a:**b", "***"};

static const char *const inside[] = {"word",
                                     "*em* and **strong**",
                                     "a *b **c* d** e",
                                     "`code` ``x`y`` `",
                                     "[l](/u \"t\") ![i](/s)",
                                     "[foo] [x][foo]",
                                     "[foo]: /u 'title'",
                                     "[bar]: <a b>\n",
                                     "https://a.bc/d?e=f&g, www.x.y.",
                                     "m@n.op and support@q.rs",
                                     "# heading #",
                                     "## h",
                                     "---",
                                     "===",
                                     "***",
                                     "```js",
                                     "```",
                                     "~~~",
                                     "    indented",
                                     "\tx",
                                     "| a | b |",
                                     "|---|:-:|",
                                     "|--|",
                                     "| `x \\| y` | *z*",
                                     "a | b",
                                     "<div>",
                                     "</div>",
                                     "<!-- c",
                                     "-->",
                                     "<b>x</b> <",
                                     "&amp; &#35; &nope; &",
                                     "\\* \\_ \\",
                                     "~~del~~ ~x~ ~~y",
                                     "line  ",
                                     "hard\\",
                                     "\xE4\xB8\xAD**\xE6\x96\x87\xE3\x80\x82**\xE5\xAD\x97",
                                     "**\xE3\x80\x8Cx\xE3\x80\x8D**\xE3\x81\xAE",
                                     "[ ] task",
                                     "[x] done",
                                     "",
                                     "",
                                     "1. one",
                                     "- item",
                                     "> quote",
                                     "2*x + 3*y",
                                     "snake_case_name __init__ _a_b_",
                                     "<pre>",
                                     "</pre>",
                                     "[a [b](c) d](e)",
                                     "![a [b](c)](d)",
                                     "[open",
                                     "a](b",
                                     "\xF0\x9F\x98\x80 \xD7\xA9\xD7\x9C",
                                     "!"};

static const char *const prefixes[] = {"> ", ">",    "- ", "* ", "+ ",  "1. ",   "10) ",
                                       "  ", "    ", "\t", " ",  "   ", "- [ ] "};

/* The next number of a reproducible sequence (splitmix64). */
static inline uint32_t any(uint64_t *state) {
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)(x >> 33);
}

#define ANY(list, state) (list)[any(state) % (sizeof(list) / sizeof *(list))]

static inline void make_soup(djs_buf *out, uint64_t *state) {
    uint32_t kinds = any(state) % 3 ? sizeof soup / sizeof *soup : 37, n = 3 + any(state) % 60;
    while (n--) {
        const char *piece = soup[any(state) % kinds];
        if (!strcmp(piece, "\\0")) djs_buf_byte(out, 0);
        else djs_buf_put(out, piece, strlen(piece));
    }
}

static inline void make_lines(djs_buf *out, uint64_t *state) {
    const char *open[4];
    uint32_t depth = 0, lines = 2 + any(state) % 14;
    while (lines--) {
        switch (any(state) % 6) {
        case 0: depth = 0; break;
        case 1: depth = depth ? depth - 1 : 0; break;
        case 2:
        case 3:
            if (depth < 4) open[depth++] = ANY(prefixes, state);
            break;
        default: break; /* as before */
        }
        uint32_t lazy = any(state) % 5 ? depth : any(state) % (depth + 1);
        for (uint32_t i = 0; i < lazy; i++) { /* an item goes on by its indentation */
            bool on = any(state) % 3 && open[i][0] != '>';
            for (const char *at = open[i]; *at; at++)
                djs_buf_byte(out, (uint8_t)(on && *at != '\t' ? ' ' : *at));
        }
        const char *text = ANY(inside, state);
        djs_buf_put(out, text, strlen(text));
        if (!(any(state) % 4)) {
            text = ANY(soup, state);
            djs_buf_put(out, text, strlen(text));
        }
        if (lines || any(state) % 2) djs_buf_lit(out, "\n");
        if (!(any(state) % 4)) djs_buf_lit(out, "\n");
    }
}

static const char *const phrases[] = {"the word",
                                      "is",
                                      "support",
                                      "https",
                                      "2",
                                      "x",
                                      "\xE4\xBD\xA0\xE5\xA5\xBD",
                                      "\xE3\x81\xAE",
                                      "\xD7\xA9\xD7\x9C",
                                      "\xC3\xA9t\xC3\xA9",
                                      "\xF0\x9F\x98\x80",
                                      "**bold**",
                                      "**b**",
                                      "*em*",
                                      "_it_",
                                      "__st__",
                                      "~~del~~",
                                      "**`c`**",
                                      "**a `c d`**",
                                      "*`c`*",
                                      "**\xE5\xAD\x97**",
                                      "*\xE5\xAD\x97*",
                                      "**[a](b)**",
                                      "*[a](b)*",
                                      "**a [b c](d)**",
                                      "[**a**](b)",
                                      "[_a_](b)",
                                      "[`a`](b)",
                                      "[`a` b](c)",
                                      "[a `b`](#c)",
                                      "[#12](https://x.y/z)",
                                      "[a](https://x.y/z)",
                                      "[a b](#c \"t\")",
                                      "[a](<b>)",
                                      "[a](b(c))",
                                      "[a*](b)",
                                      "[a.](b)",
                                      "[ a ](b)",
                                      "![a](b)",
                                      "![a b](https://x.y/z.png)",
                                      "[![a](b)](c)",
                                      "[![a b](https://x.y/z)](https://x.y)",
                                      "[foo]",
                                      "[a][foo]",
                                      "[1]",
                                      "[ ]",
                                      "[x]",
                                      "[]",
                                      "[a",
                                      "](b)",
                                      "`c`",
                                      "`c d`",
                                      "`-x`",
                                      "`<b>`",
                                      "`&amp;`",
                                      "`a*b`",
                                      "`a\\`",
                                      "``c``",
                                      "`` ` ``",
                                      "` c `",
                                      "`c ",
                                      "`",
                                      "**",
                                      "*",
                                      "_",
                                      "**a",
                                      "*a",
                                      "`$x`",
                                      "`\"y\"`",
                                      "<b>",
                                      "</b>",
                                      "<br>",
                                      "<br/>",
                                      "<a href=\"x\">",
                                      "<http://x.y>",
                                      "<a@b.c>",
                                      "<",
                                      "< b",
                                      "<b c",
                                      "a@b.c",
                                      "@user",
                                      "(@user)",
                                      "http://x.y/z",
                                      "www.x.y",
                                      "&amp;",
                                      "&nbsp;",
                                      "&#64;",
                                      "&x",
                                      "&",
                                      "\\*",
                                      "\\",
                                      "\\_",
                                      "1. ",
                                      "- ",
                                      "$x$",
                                      "2*3",
                                      "a_b",
                                      "a * b",
                                      "a - b",
                                      "!",
                                      "?"};

static const char *const joints[] = {" ",
                                     " ",
                                     " ",
                                     " ",
                                     " ",
                                     "",
                                     "",
                                     "",
                                     ", ",
                                     ". ",
                                     ": ",
                                     "; ",
                                     "! ",
                                     " (",
                                     ") ",
                                     "\n",
                                     "\n",
                                     "  \n",
                                     "\\\n",
                                     ":\n",
                                     "\"",
                                     "'",
                                     "/",
                                     "-",
                                     "\xEF\xBC\x8C",
                                     "\xE3\x80\x82",
                                     "\xEF\xBC\x88",
                                     "\xEF\xBC\x9A"};

static const char *const starts[] = {"",    "",   "",   "- ", "- ",     "1. ",  "  - ", "   ",
                                     "## ", "# ", "> ", "| ", "- [ ] ", "    ", "* "};

static inline void make_prose(djs_buf *out, uint64_t *state) {
    uint32_t blocks = 1 + any(state) % 5, phrases_n;
    bool cells;
    while (blocks--) {
        const char *piece = ANY(starts, state);
        if (*piece == '|') djs_buf_lit(out, "| a | b |\n|---|:-:|\n");
        djs_buf_put(out, piece, strlen(piece));
        cells = false;
        for (phrases_n = 1 + any(state) % 9; phrases_n--;) {
            bool cell = *piece == '|' && !cells && !(any(state) % 3); /* one too many would be dropped */
            const char *phrase = ANY(phrases, state), *joint = cell ? " | " : ANY(joints, state);
            djs_buf_put(out, phrase, strlen(phrase));
            djs_buf_put(out, joint, strlen(joint));
            cells |= cell;
        }
        if (*piece == '|') djs_buf_lit(out, "|");
        djs_buf_put(out, "\n\n", 1 + any(state) % 2);
    }
    if (!(any(state) % 4)) djs_buf_lit(out, "\n[foo]: /u\n");
}

/* The document of this number. */
static inline void make_document(djs_buf *out, uint64_t number) {
    uint64_t state = number;
    djs_buf_clear(out);
    uint32_t kind = any(&state) % 8;
    if (kind < 3) make_lines(out, &state);
    else if (kind < 5) make_soup(out, &state);
    else make_prose(out, &state);
    if (!(any(&state) % 8)) /* all its lines end as on Windows */
        for (size_t i = 0; i < out->len; i++)
            if (out->ptr[i] == '\n') out->ptr[i] = '\r';
}

#endif
