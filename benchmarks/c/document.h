/* A file, read whole.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DOCUMENT_H
#define DOCUMENT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint8_t *text;
    size_t n;
} document;

/* Ends the program when there is no such file. */
static document document_read(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    document d = {.n = (size_t)ftell(file)};
    rewind(file);
    d.text = malloc(d.n + 1);
    if (!d.text || fread(d.text, 1, d.n, file) != d.n) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return d;
}

#endif
