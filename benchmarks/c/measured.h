/* Calls measured() for pairs of arguments: a piece size, 0 for one shot, and a file.
 *
 * Each call has a process of its own, so that no heap is warmed by the one before; callgrind writes the
 * instructions of that process, with --toggle-collect=measured those of the call, to a file that %p names
 * (cost.py). A line of output has the process and what the call returned; or "0 0" when it took PATIENCE_S.
 *
 * SPDX-License-Identifier: MIT */
#ifndef MEASURED_H
#define MEASURED_H

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "document.h"

enum { PATIENCE_S = 6 }; /* of processor time */

/* Defined by each program. */
size_t measured(const document *d, size_t piece);

static int measure_each(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        int status = 1;
        fflush(stdout);
        pid_t child = fork();
        if (!child) {
            document d = document_read(argv[i + 1]);
            setrlimit(RLIMIT_CPU, &(struct rlimit){PATIENCE_S, PATIENCE_S + 5});
            size_t result = measured(&d, strtoul(argv[i], NULL, 10));
            printf("%d %zu\n", (int)getpid(), result);
            free(d.text);
            return 0;
        }
        if (child < 0 || waitpid(child, &status, 0) < 0) return 1;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
            printf("0 0\n");
        } else if (status) {
            fprintf(stderr, "%s: measuring failed\n", argv[i + 1]);
            return 1;
        }
    }
    return 0;
}

#endif
