// SPDX-License-Identifier: BSD-2-Clause
// Proof: shown() of the loader's crash records reads no more of a text than it is told, and leaves a line that ends, of printable characters alone.
// CBMC: unwind=2 loops=shown.0:9,main.0:9
#include "proof.h"

#include "../../kernel/loader/crash.c"

#define LONG 8  // characters at most: each is treated like the one before

size_t text_format(char *at, size_t capacity, const char *format, ...) { (void)at, (void)capacity, (void)format; return 0; }
void clock_text(uint64_t seconds, char text[CLOCK_TEXT]) { (void)seconds, (void)text; }

int main(void)
{
    char text[RECORDS_TEXT + 1], from[LONG];
    size_t most = any_below(LONG + 1);
    PROVE(shown(text, from, most) == text, "the text");
    size_t i = 0;
    for (; i < LONG && text[i]; i++)
        PROVE(text[i] >= ' ' && text[i] <= '~', "printable");
    PROVE(i <= most && text[i] == 0, "which ends");
    return 0;
}
