// SPDX-License-Identifier: BSD-2-Clause
// Interrupts of a device, the PS/2 mouse, by the I/O APIC (82093AA 3.2; SDM 3A 10.8): to L1 as exits, and past it to L2.

#include "cpu_insn.h"
#include "l2.h"
#include "lapic.h"
#include "port.h"
#include "x86.h"

void mouse_tests(void);

L2(mouse_loop, "1: pause\n\tjmp 1b");

#define VECTOR          0x62
#define IOAPIC          0xfec00000ul
#define IOAPIC_MOUSE    (0x10 + 2 * 12)
#define IOAPIC_MASKED   0x10000u
#define CONTROLLER      0x64  // its status, and its commands
#define CONTROLLER_DATA 0x60
#define STATUS_FULL     1u    // something to read
#define STATUS_BUSY     2u
#define TO_MOUSE        0xd4
#define READ_SETTINGS   0x20
#define WRITE_SETTINGS  0x60
#define SETTINGS_IRQ    2u
#define SETTINGS_OFF    0x20u
#define MOUSE_REPORT    0xf4
#define MOUSE_QUIET     0xf5
#define MOUSE_ACK       0xfa

static void ioapic_write(uint32_t reg, uint32_t value)
{
    *(volatile uint32_t *)IOAPIC = reg;
    *(volatile uint32_t *)(IOAPIC + 0x10) = value;
}

static void send(uint16_t port, uint8_t value)
{
    while (in8(CONTROLLER) & STATUS_BUSY)
        cpu_relax();
    out8(port, value);
}

static void drain(void)
{
    while (in8(CONTROLLER) & STATUS_FULL)
        (void)in8(CONTROLLER_DATA);
}

// The mouse interrupts this CPU with its answers.
static void connect(void)
{
    drain();
    send(CONTROLLER, READ_SETTINGS);
    while (!(in8(CONTROLLER) & STATUS_FULL))
        cpu_relax();
    const unsigned settings = in8(CONTROLLER_DATA);
    send(CONTROLLER, WRITE_SETTINGS);
    send(CONTROLLER_DATA, (uint8_t)((settings | SETTINGS_IRQ) & ~SETTINGS_OFF));
    ioapic_write(IOAPIC_MOUSE + 1, this_cpu()->apic_id << 24);
    ioapic_write(IOAPIC_MOUSE, VECTOR);
}

static void disconnect(void)
{
    ioapic_write(IOAPIC_MOUSE, IOAPIC_MASKED);
    expect("the mouse's answer", in8(CONTROLLER_DATA), MOUSE_ACK);
    drain();
}

static void tell(uint64_t what)
{
    send(CONTROLLER, TO_MOUSE);
    send(CONTROLLER_DATA, (uint8_t)what);
    l2_start(mouse_loop);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
}

static void first_cpu_alone(void)
{
    if (this_cpu()->index != 0)
        test_skip("on the first CPU alone");
}

static void exits(uint64_t what)
{
    first_cpu_alone();
    NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    connect();
    tell(what);
    want_exit(EXIT_EXTERNAL_INTERRUPT);
    interrupts_on_once();
    expect("vector", this_cpu()->interrupt.vector, VECTOR);
    expect("interrupts", this_cpu()->interrupt.count, 1);
    disconnect();
}

static void to_l2(uint64_t what)
{
    first_cpu_alone();
    connect();
    tell(what);
    want_trap(VECTOR);
    lapic_eoi();
    expect("none in L1", this_cpu()->interrupt.count, 0);
    disconnect();
}

void mouse_tests(void)
{
    test_row("exits", "report", exits, MOUSE_REPORT);
    test_row("to_l2", "report", to_l2, MOUSE_REPORT);
    test_row("exits", "quiet", exits, MOUSE_QUIET);
    test_row("to_l2", "quiet", to_l2, MOUSE_QUIET);
}
