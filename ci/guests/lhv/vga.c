// SPDX-License-Identifier: BSD-2-Clause
// L2 draws: a device's memory, the display adapter's at 0xa0000, through EPT12, where L2 has it at its own address and where it has it elsewhere.

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "port.h"
#include "x86.h"

void vga_tests(void);

L2(vga_copy, "rep movsb");

// In the graphics modes that firmware leaves, and in text modes.
static const uint64_t places[] = { 0xa0000, 0xb8000 };

// Left to right and top to bottom: what is read shows what was written where.
static const char art[] = " /|_/|  ( o.o )   > ^ <  /     | (  |||  |__)   ";
#define ART_BYTES (sizeof(art) - 1)

// Without a driver the adapter is as after a reset and takes no writes. Then it gets the four registers of the mode in which a byte is a pixel (mode 13h):
// the sequencer's and the graphics controller's, by an index port and the data port behind it; and its memory is switched on.
#define MISC_WRITE 0x3c2
#define MISC_READ  0x3cc
#define MISC_RAM   2u
static const struct setting { uint16_t port; uint8_t index, value; } settings[] = {
    { 0x3c4, 2, 0x0f }, { 0x3c4, 4, 0x0e }, { 0x3ce, 5, 0x40 }, { 0x3ce, 6, 0x05 }, { 0x3ce, 8, 0xff },
};

static void set_mode(void)
{
    out8(MISC_WRITE, (uint8_t)(in8(MISC_READ) | MISC_RAM));
    for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        out8(settings[i].port, settings[i].index);
        out8((uint16_t)(settings[i].port + 1), settings[i].value);
    }
}

static volatile uint8_t *find(void)
{
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        volatile uint8_t *at = (volatile uint8_t *)(uintptr_t)places[i];
        const uint8_t before[2] = { at[0], at[1] };
        at[0] = 0x5a;
        at[1] = 0xa5;
        const bool there = at[0] == 0x5a && at[1] == 0xa5;
        at[0] = before[0];
        at[1] = before[1];
        if (there)
            return at;
    }
    return NULL;
}

static volatile uint8_t *display(void)
{
    volatile uint8_t *at = find();
    if (at == NULL) {
        set_mode();
        at = find();
    }
    if (at == NULL)
        test_skip("no display adapter's memory can be read and written");
    return at;
}

static void copy(uint64_t to, uint64_t from)
{
    l2_start(vga_copy);
    GPR(RDI) = to;
    GPR(RSI) = from;
    GPR(RCX) = ART_BYTES;
    want_end();
    expect("bytes that are left", GPR(RCX), 0);
}

// L2 draws and looks, L1 looks and draws, each sees what the other did.
static void draw(volatile uint8_t *screen, uint64_t l2_screen)
{
    uint8_t kept[ART_BYTES], *seen = (uint8_t *)this_cpu()->data;
    for (unsigned i = 0; i < ART_BYTES; i++)
        kept[i] = screen[i];
    copy(l2_screen, address(art));
    unsigned l1_saw = 0, l2_saw = 0;
    while (l1_saw < ART_BYTES && screen[l1_saw] == (uint8_t)art[l1_saw])
        l1_saw++;
    for (unsigned i = 0; i < ART_BYTES; i++)
        screen[i] = (uint8_t)art[ART_BYTES - 1 - i];
    copy(address(seen), l2_screen);
    while (l2_saw < ART_BYTES && seen[l2_saw] == (uint8_t)art[ART_BYTES - 1 - l2_saw])
        l2_saw++;
    for (unsigned i = 0; i < ART_BYTES; i++)
        screen[i] = kept[i];
    expect("what L1 sees of L2's", l1_saw, ART_BYTES);
    expect("what L2 sees of L1's", l2_saw, ART_BYTES);
}

static void first_cpu_alone(void)
{
    if (this_cpu()->index != 0)
        test_skip("on the first CPU alone");
}

static void as_it_is(uint64_t unused)
{
    (void)unused;
    first_cpu_alone();
    volatile uint8_t *screen = display();
    draw(screen, address(screen));
}

static void elsewhere(uint64_t type)
{
    first_cpu_alone();
    NEED(PROC2, ENABLE_EPT);
    volatile uint8_t *screen = display();
    ept12_map(0, address(screen) | type << 3 | EPT_ALL);
    ept12_flush();
    draw(screen, WINDOW_LINEAR);
}

void vga_tests(void)
{
    TEST(as_it_is);
    test_row("elsewhere", "uncached", elsewhere, 0);
    test_row("elsewhere", "write_combining", elsewhere, 1);
    test_row("elsewhere", "write_back", elsewhere, 6);
}
