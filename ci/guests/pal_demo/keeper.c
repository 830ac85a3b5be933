// SPDX-License-Identifier: BSD-2-Clause
// keeper SEED FILE: a PAL keeps the seed's secret in a page of its memory, and works with it in call after call until there is such a file. Says on its
// standard error where the page is: who looks at the machine's memory finds the secret there, and nowhere else. Status: 0 the secret was kept; 1 something is
// wrong; 3 the PAL has ended, or there never was one.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>

#include "pal_functions.h"
#include "program.h"

enum { LINUX_OPEN = 2, LINUX_CLOSE = 3, LINUX_PREAD = 17, LINUX_ACCESS = 21 };
#define PAGE_SHIFT      12
#define PAGEMAP_FRAME   ((1ull << 55) - 1)  // Linux' admin-guide/mm/pagemap
#define PAGEMAP_PRESENT (1ull << 63)
#define STATUS_ENDED    3

typedef uintptr_t keep_t(uintptr_t, uintptr_t *);

static const struct tv_params params = { 2, 0, { { TV_PARAM_INTEGER, 0, 1 }, { TV_PARAM_INTEGER, 0, 1 } } };

// 0: it can't be had.
static uint64_t physical(uint64_t address)
{
    uint64_t entry = 0;
    const long file = linux_call(LINUX_OPEN, (long)"/proc/self/pagemap", 0, 0, 0, 0, 0);
    if (file < 0)
        return 0;
    const long bytes = linux_call(LINUX_PREAD, file, (long)&entry, sizeof(entry), (long)(address >> PAGE_SHIFT) * 8, 0, 0);
    linux_call(LINUX_CLOSE, file, 0, 0, 0, 0, 0);
    return bytes == sizeof(entry) && entry & PAGEMAP_PRESENT ? (entry & PAGEMAP_FRAME) << PAGE_SHIFT : 0;
}

static int end(const char *what, uintptr_t result)
{
    print_text("keeper: ");
    print_text(what);
    print_text(" gives ");
    print_number(result);
    print_text("\n");
    return result == PAL_NOT_ISOLATED ? STATUS_ENDED : 1;
}

int program(int argc, char **argv)
{
    struct pal pal;
    if (argc != 3) {
        print_text("usage: keeper SEED FILE\n");
        return 2;
    }
    const enum pal_status status = pal_open(&pal, (const void *)pal_keep, &params);
    if (status != PAL_OK) {
        print_text("keeper: no PAL: ");
        print_text(pal_status_text(status));
        print_text("\n");
        return STATUS_ENDED;
    }
    keep_t *const keep = (keep_t *)(uintptr_t)pal.entry;
    uintptr_t *const page = (uintptr_t *)(uintptr_t)pal.sections.section[1].start;  // the data section, which is a page
    uintptr_t result = keep(parse_number(argv[1], 10) | MUST_BE_PAL, page);
    if (result != KEPT_WORDS)
        return end("the first call", result);
    // In one piece: others print, too.
    char line[80], *to = line;
    const uint64_t words[2] = { parse_number(argv[1], 10), physical((uint64_t)(uintptr_t)page) };
    for (unsigned i = 0; i < 2; i++) {
        for (const char *text = i == 0 ? "keeper: seed 0x" : " page 0x"; *text; text++)
            *to++ = *text;
        for (int shift = 60; shift >= 0; shift -= 4)
            *to++ = "0123456789abcdef"[words[i] >> shift & 15];
    }
    *to++ = '\n';
    linux_call(LINUX_WRITE, 2, (long)line, to - line, 0, 0, 0);
    uintptr_t calls = 1;
    for (; linux_call(LINUX_ACCESS, (long)argv[2], 0, 0, 0, 0, 0) != 0; calls++) {
        result = keep(MUST_BE_PAL, page);
        if (result != KEPT_WORDS)
            return end("a later call", result);
    }
    if (pal_close(&pal) != PAL_OK)
        return end("the end", 0);
    print_text("keeper: calls ");
    print_number(calls);
    print_text("\n");
    return 0;
}
