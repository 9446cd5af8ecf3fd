/* GitHub's alerts: a quote whose first line is "[!NOTE]", "[!TIP]" or the like.
 *
 *     > [!WARNING]              <div class="markdown-alert markdown-alert-warning" role="note">
 *     > Mind the gap.           <p class="markdown-alert-title">Warning</p><p>Mind the gap.</p></div>
 *
 * As on GitHub: in letters of any case, alone on the first line that is not
 * empty, with something after it, and in a quote that stands in nothing else.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_ALERT_H
#define DJS_ALERT_H

#include "cmark.h"

typedef struct {
    const char *marker; /* between "[!" and "]", in small letters; also the end of the class */
    const char *title;
} djs_alert;

/* After each line into a parser: what the quote at the end of the document is, if that can be told now. */
void djs_alert_line(cmark_parser *parser);

/* The alert that the quote is, or NULL. */
const djs_alert *djs_alert_of(const cmark_node *quote);

/* The open quote at the end of the document of which the next lines will tell whether it is an alert; or
 * NULL. */
const cmark_node *djs_alert_undecided(const cmark_parser *parser);

/* Can the rest of the unfinished line that the parser has just processed not make the quote that began with
 * it an alert? before: had the quote been there, and decided, before that line? */
bool djs_alert_told(const cmark_parser *parser, bool before);

/* Is there an open quote at the end of the document, and is it decided? */
bool djs_alert_decided(const cmark_parser *parser);

#endif
