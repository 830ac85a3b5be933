// SPDX-License-Identifier: BSD-2-Clause
// abuse: who looks at a PAL's pages, and at registers behind it.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>

#include "abuse.h"
#include "pal_functions.h"
#include "program.h"

uintptr_t abuse_spin(void);
static uint8_t stack[4 * PAGE] __attribute__((aligned(16)));

// A debugger, which stops this program, looks at a word and changes it, and lets it go on. It is a process with the same memory: a copy of the memory would be
// the system's reason to give the program another page.
static uintptr_t debug(uintptr_t data)
{
    enum { PEEK = 2, POKE = 5, ATTACH = 16, DETACH = 17, WAIT_ALL = 0x40000000 };
    const long number = sizeof(void *) == 8 ? 101 : 26, parent = linux_call(sizeof(void *) == 8 ? 110 : 64, 0, 0, 0, 0, 0, 0);
    long word = 0, again = 0, status;
    int good = linux_call(number, ATTACH, parent, 0, 0, 0, 0) == 0;
    linux_call(sizeof(void *) == 8 ? 61 : 114, parent, (long)&status, WAIT_ALL, 0, 0, 0);
    good = linux_call(number, PEEK, parent, (long)data, (long)&word, 0, 0) == 0 && word == -1 && good;
    good = linux_call(number, POKE, parent, (long)data, 0, 0, 0) == 0 && good;
    good = linux_call(number, PEEK, parent, (long)data, (long)&again, 0, 0) == 0 && again == -1 && good;
    linux_call(number, DETACH, parent, 0, 0, 0, 0);
    return good ? 0 : 1;
}

// Whoever looks through the system: it reads for a program (a pipe), or for one that looks into another (a debugger, a scanner), on whatever CPU.
void looked_at(void)
{
    struct pal pal;
    int ends[2];
    static uint8_t seen[PAGE];
    expect("registration", pal_open(&pal, (const void *)pal_add, &add_params) == PAL_OK);
    volatile uint8_t *data = pal.pages + pal.sections.section[0].pages * PAGE;
    expect("a debugger reads ones, and what it writes vanishes", wait_for(thread_run(debug, (uintptr_t)data, stack + sizeof(stack))) == 0);
    linux_call(sizeof(void *) == 8 ? 22 : 42, (long)ends, 0, 0, 0, 0, 0);  // pipe
    seen[0] = 0;
    const long wrote = linux_call(LINUX_WRITE, ends[1], (long)data, 64, 0, 0, 0);
    const long got = linux_call(LINUX_READ, ends[0], (long)seen, 64, 0, 0, 0);
    expect("the system reads ones", wrote == 64 && got == 64 && all(seen, 64, ONES));
    const long parent = linux_call(sizeof(void *) == 8 ? 39 : 20, 0, 0, 0, 0, 0, 0), pid = child();
    if (pid == 0) {
        const struct { void *base; uintptr_t bytes; } to = { seen, PAGE }, from = { (void *)(uintptr_t)data, PAGE };
        seen[0] = 0;  // process_vm_readv
        leave(linux_call(sizeof(void *) == 8 ? 310 : 347, parent, (long)&to, 1, (long)&from, 1, 0) == PAGE && all(seen, PAGE, ONES) ? 0 : 1);
    }
    expect("who reads another process reads ones", wait_for(pid) == 0);
    linux_call(LINUX_WRITE, ends[1], (long)seen, 64, 0, 0, 0);
    linux_call(LINUX_READ, ends[0], (long)data, 64, 0, 0, 0);
    expect("what the system writes there vanishes", all(data, 64, ONES));
    expect("the PAL works on", adds(&pal));
    pal_close(&pal);
}

// In a process of its own: a PAL has a secret in its data, then something happens to its pages; the program finds no word of it. Whether the PAL lives on is not asked.
#define KEPT_SEED 60013u  // one that nobody else uses: its secret is a constant in this program
static int kept_from(void (*happens)(const struct pal *pal))
{
    const long pid = child();
    if (pid == 0) {
        struct pal pal;
        if (pal_open(&pal, (const void *)pal_secret, &lend_params) != PAL_OK)
            leave(1);
        volatile uintptr_t *data = (volatile uintptr_t *)(uintptr_t)pal.sections.section[1].start;
        (void)((uintptr_t (*)(uintptr_t, uintptr_t))(uintptr_t)pal.entry)(70001, (uintptr_t)data);
        happens(&pal);
        for (unsigned i = 0; i < PAGE / sizeof(uintptr_t); i++)
            if (data[i] == KEPT_SEED * SECRET_FACTOR)
                leave(2);
        leave(0);
    }
    return wait_for(pid) == 0;
}

static int write_file(const char *path, const char *text)
{
    const long file = linux_call(sizeof(void *) == 8 ? 2 : 5, (long)path, 1, 0, 0, 0, 0);
    long bytes = 0;
    while (text[bytes] != 0)
        bytes++;
    const long wrote = file < 0 ? file : linux_call(LINUX_WRITE, file, (long)text, bytes, 0, 0, 0);
    return wrote == bytes;
}

#define KSM "/sys/kernel/mm/ksm/"
static long advise(const struct pal *pal, long advice) { return linux_call(sizeof(void *) == 8 ? 28 : 219, (long)pal->pages, (long)pal->bytes, advice, 0, 0, 0); }
// Linux' KSM looks for pages that are the same, and makes them one. A PAL's are all the same to it.
static void merged(const struct pal *pal)
{
    if (advise(pal, 12) != 0 || !write_file(KSM "sleep_millisecs", "10") || !write_file(KSM "pages_to_scan", "1000") || !write_file(KSM "run", "1"))
        leave(3);
    sleep_ms(600);
    if (!write_file(KSM "run", "0"))
        leave(4);
}

// Pages that aren't locked any more, and are asked to go; where there is swap space they do.
static void swapped(const struct pal *pal)
{
    linux_call(sizeof(void *) == 8 ? 150 : 151, (long)pal->pages, (long)pal->bytes, 0, 0, 0, 0);
    if (advise(pal, 21) != 0)
        leave(3);
}

void scanned(void)
{
    expect("a system that merges pages finds no secret", kept_from(merged));
    expect("nor does one that swaps them", kept_from(swapped));
}

// abuse looked COUNT: the system writes to a PAL's page again and again, and so does the program; the PAL is as it was.
int looked(unsigned long count)
{
    struct pal pal;
    int ends[2];
    static uint8_t zeroes[64];
    linux_call(sizeof(void *) == 8 ? 22 : 42, (long)ends, 0, 0, 0, 0, 0);
    if (pal_open(&pal, (const void *)pal_add, &add_params) != PAL_OK)
        return 1;
    volatile uint8_t *data = pal.pages + pal.sections.section[0].pages * PAGE;
    for (unsigned long i = 0; i < count; i++) {
        data[i % PAGE] = 0;
        if (linux_call(LINUX_WRITE, ends[1], (long)zeroes, 64, 0, 0, 0) != 64 || linux_call(LINUX_READ, ends[0], (long)data, 64, 0, 0, 0) != 64)
            return 1;
        if (!all(data, PAGE, ONES))
            return 1;
    }
    return adds(&pal) && pal_close(&pal) == PAL_OK ? 0 : 1;
}

// abuse spun: a PAL has its secret in all registers when trustvisor fails for good. Its program's debugger looks at what the program gets; then both stay, so
// that nobody else has their pages.
_Noreturn void spun(void)
{
    enum { TRACE_ME = 0, GET_REGISTERS = 12, GET_VECTORS = 14, STOPPED = 0x7f };
    static volatile uint32_t seen[2][256];
    const long number = sizeof(void *) == 8 ? 101 : 26, pid = child();
    if (pid == 0) {
        struct pal pal;
        linux_call(number, TRACE_ME, 0, 0, 0, 0, 0);
        if (pal_open(&pal, (const void *)abuse_spin, &no_params) == PAL_OK)
            ((plain_t *)(uintptr_t)pal.entry)(0);
        leave(0);
    }
    expect("its program has a signal", wait_for(pid) == (SIGSEGV_NUMBER << 8 | STOPPED));
    int good = linux_call(number, GET_REGISTERS, pid, 0, (long)seen[0], 0, 0) == 0 && linux_call(number, GET_VECTORS, pid, 0, (long)seen[1], 0, 0) == 0;
    for (unsigned i = 0; i < 512; i++)
        good = good && seen[i / 256][i % 256] != SECRET;
    expect("and nothing of its registers", good);
    for (;;)
        sleep_ms(900);
}
