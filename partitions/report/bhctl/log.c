// SPDX-License-Identifier: BSD-2-Clause
// bhctl log: the lines that are still there. Any CPU may write one at any moment; caps/records.h says how to tell a whole one.

#include "command.h"

static bool head_read(uint64_t *head) { return region_read(offsetof(struct records, machine.log_head), head, sizeof(*head)); }

// A line that is there as a whole. *gone: it was overwritten meanwhile.
static const char *line_read(uint64_t number, struct records_line *line, bool *whole, bool *gone)
{
    uint64_t head;
    if (!region_read(offsetof(struct records, log) + number % RECORDS_LINES * sizeof(*line), line, sizeof(*line)) || !head_read(&head))
        return "the log can't be read";
    *gone = head > number + RECORDS_LINES;
    *whole = !*gone && (line->turn == number + 1 || line->turn == number + RECORDS_LINES);
    return NULL;
}

const char *log_print(FILE *out, uint64_t *next, char why[REGION_WHY])
{
    uint64_t head, lost = 0;
    (void)why;
    if (!head_read(&head))
        return "the log can't be read";
    if (*next > head)
        return "the log has fewer lines than before";
    for (; *next < head; ++*next) {
        struct records_line line;
        bool whole, gone;
        if (head - *next > RECORDS_LINES) {
            lost += head - RECORDS_LINES - *next;
            *next = head - RECORDS_LINES;
        }
        const char *wrong = line_read(*next, &line, &whole, &gone);
        if (wrong)
            return wrong;
        if (gone) {
            lost++;
            continue;
        }
        if (!whole)
            break;  // its writer is at it
        if (lost)
            fprintf(out, "(%llu lines were overwritten before they could be read)\n", (unsigned long long)lost);
        lost = 0;
        region_text(line.text, sizeof(line.text));
        fputs(line.text, out);
    }
    fflush(out);
    return NULL;
}
