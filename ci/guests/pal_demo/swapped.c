// SPDX-License-Identifier: BSD-2-Clause
// swapped INSIDE OUTSIDE FILE [unlocked]: PALs' pages hold the first number's secret, pages of the program's own the second one's. The system is asked to swap
// out the latter; unlocked: the former, too. When there is such a file it says how many of each are in the swap. PALs whose pages are locked have it all.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>

#include "pal_functions.h"
#include "program.h"
#include "system.h"

enum { PALS = 8, OWN_PAGES = 256, PAGE = 4096 };
enum { LINUX_MADVISE = 28, LINUX_MUNLOCK = 150 };
enum { PROT_DATA = 3, MAP_OWN = 0x22, MADV_PAGEOUT = 21 };  // read and write; private, anonymous

typedef uintptr_t keep_t(uintptr_t, uintptr_t *);

static const struct tv_params params = { 2, 0, { { TV_PARAM_INTEGER, 0, 1 }, { TV_PARAM_INTEGER, 0, 1 } } };
static struct pal pal[PALS];

static uintptr_t *data_of(const struct pal *of) { return (uintptr_t *)(uintptr_t)of->sections.section[1].start; }

static int keeps(const struct pal *in, uintptr_t seed) { return ((keep_t *)(uintptr_t)in->entry)(seed | MUST_BE_PAL, data_of(in)) == KEPT_WORDS; }

static int put_out(uintptr_t from, uintptr_t bytes) { return linux_call(LINUX_MADVISE, (long)from, (long)bytes, MADV_PAGEOUT, 0, 0, 0) == 0; }

static uintptr_t swapped(uintptr_t from, uintptr_t bytes)
{
    uintptr_t count = 0;
    for (uintptr_t at = from; at < from + bytes; at += PAGE)
        count += (uintptr_t)page_swapped(at);
    return count;
}

static int fail(const char *what)
{
    print_text("swapped: FAIL ");
    print_text(what);
    print_text("\n");
    return 1;
}

int program(int argc, char **argv)
{
    if (argc != 4 && argc != 5)
        return fail("usage: swapped INSIDE OUTSIDE FILE [unlocked]");
    const int unlocked = argc == 5;
    const uintptr_t own = (uintptr_t)linux_call(LINUX_MMAP, 0, OWN_PAGES * PAGE, PROT_DATA, MAP_OWN, -1, 0);
    for (uintptr_t page = 0; page < OWN_PAGES; page++)
        (void)pal_secret(parse_number(argv[2], 10), (uintptr_t *)(own + page * PAGE));
    for (unsigned i = 0; i < PALS; i++)
        if (pal_open(&pal[i], (const void *)pal_keep, &params) != PAL_OK || !keeps(&pal[i], parse_number(argv[1], 10)))
            return fail("no PAL keeps the secret");
    for (unsigned i = 0; i < PALS && unlocked; i++) {
        linux_call(LINUX_MUNLOCK, (long)pal[i].pages, (long)pal[i].bytes, 0, 0, 0, 0);
        if (!put_out((uintptr_t)pal[i].pages, pal[i].bytes))
            return fail("the system takes no PAL's pages");
    }
    if (!put_out(own, OWN_PAGES * PAGE))
        return fail("the system takes no pages of the program's own");
    print_text("swapped: secrets kept\n");
    while (!file_there(argv[3]))
        sleep_shortly();
    uintptr_t data = 0, all = 0;
    for (unsigned i = 0; i < PALS; i++) {
        data += swapped((uintptr_t)data_of(&pal[i]), PAGE);
        all += swapped((uintptr_t)pal[i].pages, pal[i].bytes);
    }
    print_text("swapped: own ");
    print_number(swapped(own, OWN_PAGES * PAGE));
    print_text(" data ");
    print_number(data);
    print_text(" pals ");
    print_number(all);
    print_text("\n");
    for (unsigned i = 0; i < PALS && !unlocked; i++)
        if (!keeps(&pal[i], 0) || pal_close(&pal[i]) != PAL_OK)
            return fail("a PAL has not what it had");
    return 0;
}
