// SPDX-License-Identifier: BSD-2-Clause
// secret INSIDE OUTSIDE SEEN: pages of a PAL's hold the first number's secret, pages of the program's own, among which they lie, the second one's. It waits
// until the test has looked at the machine's memory (ci/watch.py) and makes the file SEEN; both are there until a reset. With a FILE behind them: when that is
// there, the program looks at the PAL's first page, itself and through the system.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>

#include "pal_functions.h"
#include "program.h"
#include "system.h"

typedef uintptr_t secret_t(uintptr_t, uintptr_t *);

static const struct tv_params params = { 2, 0, { { TV_PARAM_INTEGER, 0, 1 }, { TV_PARAM_INTEGER, 0, 1 } } };

// So much that the firmware, when it starts anew, can't have overwritten all of it. Pages next to each other tell no more than one.
enum { BYTES = 32 << 20, PAGE = 4096, OWN_STEP = 16, PAL_STEP = BYTES / PAGE / SPREAD_PAGES };

enum { LINUX_PIPE = 22, LINUX_MREMAP = 25, LINUX_CREAT = 85 };
enum { PROT_DATA = 3, MAP_OWN = 0x22, MREMAP_THERE = 3 };  // read and write; private, anonymous; where it is told

static int ones(const volatile uintptr_t *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (words[i] != ~(uintptr_t)0)
            return 0;
    return 1;
}

static void look(volatile uintptr_t *page)
{
    static uintptr_t seen[8];
    int ends[2];
    linux_call(LINUX_PIPE, (long)ends, 0, 0, 0, 0, 0);
    int good = ones(page, 512) && linux_call(LINUX_WRITE, ends[1], (long)page, sizeof(seen), 0, 0, 0) == sizeof(seen);
    good = good && linux_call(LINUX_READ, ends[0], (long)seen, sizeof(seen), 0, 0, 0) == sizeof(seen) && ones(seen, 8);
    page[0] = 0;
    print_text(good && ones(page, 1) ? "pal: ones where the secret is\n" : "pal: FAIL the secret's page isn't ones\n");
}

// Who looks from outside may take its time: the test writes to the word when it has seen all.
static int seen(void)
{
    static volatile uint64_t word;
    char line[80];
    if (linux_call(LINUX_MLOCK, (long)&word, sizeof(word), 0, 0, 0, 0) != 0)
        return 0;
    const uint64_t there = physical_address((uintptr_t)&word);
    linux_call(LINUX_WRITE, 1, (long)line, add_text(add_number(add_text(line, "pal: watch kept 0: "), there), "\n") - line, 0, 0, 0);
    while (there != 0 && word == 0)
        sleep_shortly();
    return there != 0;
}

static long pages_of(long bytes) { return linux_call(LINUX_MMAP, 0, bytes, PROT_DATA, MAP_OWN, -1, 0); }

// The PAL's data section: pages from all over the memory, one behind the other.
static int spread(struct pal *pal, uintptr_t memory)
{
    const uintptr_t data = (uintptr_t)pages_of(SPREAD_PAGES * PAGE);
    for (uintptr_t page = 0; page < SPREAD_PAGES; page++) {
        const long from = (long)(memory + (page * PAL_STEP + 1) * PAGE), to = (long)(data + page * PAGE);
        if (linux_call(LINUX_MREMAP, from, PAGE, PAGE, MREMAP_THERE, to, 0) != to)
            return 0;
    }
    pal->sections.section[1].pages = SPREAD_PAGES;
    pal->sections.section[1].start = data;
    return linux_call(LINUX_MLOCK, (long)data, SPREAD_PAGES * PAGE, 0, 0, 0, 0) == 0;
}

int program(int argc, char **argv)
{
    struct pal pal;
    if ((argc != 4 && argc != 5) || pal_copy(&pal, (const void *)pal_spread) != PAL_OK) {
        print_text("usage: secret INSIDE OUTSIDE SEEN [FILE]\n");
        return 1;
    }
    const uintptr_t memory = (uintptr_t)pages_of(BYTES);
    for (uintptr_t page = 0; page < BYTES / PAGE; page++) {
        if (page % OWN_STEP == 0)
            (void)pal_secret(parse_number(argv[2], 10), (uintptr_t *)(memory + page * PAGE));
        else
            *(volatile char *)(memory + page * PAGE) = 1;
    }
    if (!spread(&pal, memory) || pal_register(&pal, &params) != PAL_OK) {
        print_text("pal: FAIL no PAL keeps the secret\n");
        return 1;
    }
    if (((secret_t *)(uintptr_t)pal.entry)(parse_number(argv[1], 10), (uintptr_t *)(uintptr_t)pal.sections.section[1].start) != 0)
        return 1;
    if (!seen() || linux_call(LINUX_CREAT, (long)argv[3], 0600, 0, 0, 0, 0) < 0) {
        print_text("pal: FAIL nobody looks at the secrets\n");
        return 1;
    }
    for (int looked = 0;;) {
        sleep_shortly();
        if (argc == 5 && !looked && file_there(argv[4])) {
            look((volatile uintptr_t *)(uintptr_t)pal.sections.section[1].start);
            looked = 1;
        }
    }
}
