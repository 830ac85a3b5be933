// SPDX-License-Identifier: BSD-2-Clause
// Watched ports. The instruction is carried out here, or, a string instruction, by the guest itself in a step.
#include "io.h"

#include <caps/debug.h>
#include <caps/hypercall.h>

#include "exit.h"
#include "inject.h"
#include "partition.h"
#include "port.h"
#include "power.h"
#include "step.h"
#include "vmcs.h"

enum { RESET_CPU = 4, KEYBOARD_PULSE_RESET = 0xf0, COM_EMPTY = 0x60 };  // COM_EMPTY: line status of a port that could send
#define PM1_SLEEP_ENABLE (1u << 13)

// Exit qualification (SDM 3C table 28-5 "Exit Qualification for I/O Instructions").
#define IO_BYTES(q)  (((unsigned)(q) & 7) + 1)
#define IO_IN        (1u << 3)
#define IO_STRING    (1u << 4)
#define IO_REP       (1u << 5)
#define IO_PORT(q)   ((uint16_t)((q) >> 16))

// The emulator's power switch takes the word byte by byte.
static bool shutdown_word(uint8_t byte)
{
    static const char word[] = "Shutdown";
    static unsigned matched;
    matched = byte == word[matched] ? matched + 1 : byte == word[0];
    return !word[matched];
}

// Whether this OUT ends the machine, and how. A sleep is taken for a power-off: nothing of L0 survives it. Only a byte to 0xcf9 resets: a
// double word at 0xcf8 is a PCI configuration address.
static const char *stage_of(uint16_t port, unsigned bytes, uint32_t value)
{
    const uint16_t pm1[] = { boot_info->pm1a_control, boot_info->pm1b_control };
    for (unsigned i = 0; i < 2; i++)
        if (pm1[i] && ((port == pm1[i] && value & PM1_SLEEP_ENABLE) || (port == pm1[i] + 1 && value & PM1_SLEEP_ENABLE >> 8)))
            return "power-off";
    if (bytes != 1)
        return NULL;
    if (port == PORT_BOCHS_SHUTDOWN && shutdown_word((uint8_t)value))
        return "power-off";
    bool reset = (port == PORT_RESET && value & RESET_CPU) || (port == PORT_KEYBOARD && (value & 0xf1) == KEYBOARD_PULSE_RESET);
    return reset ? "reset" : NULL;
}

bool io_hypercall(void) { return (vmcs_read(VMCS_EXIT_QUALIFICATION) & ~(uint64_t)IO_REP) == (HYPERCALL_PORT << 16 | IO_IN | 3); }

static void out(uint16_t port, unsigned bytes, uint32_t value)
{
    const char *stage = stage_of(port, bytes, bytes < 4 ? value & ((1u << 8 * bytes) - 1) : value);
    if (stage)
        power_end(stage);
    if (bytes == 1)
        port_out8(port, (uint8_t)value);
    else if (bytes == 2)
        port_out16(port, (uint16_t)value);
    else
        port_out32(port, value);
}

// IN's result: of 4 bytes the upper half of RAX is cleared, as ever.
static void came_in(struct cpu *cpu, unsigned bytes, uint32_t value)
{
    uint64_t *rax = &cpu->gpr[GPR_RAX];
    *rax = bytes == 4 ? value : (*rax & ~0ull << 8 * bytes) | value;
}

void io_exit(struct cpu *cpu)
{
    uint64_t qualification = vmcs_read(VMCS_EXIT_QUALIFICATION);
    uint16_t port = IO_PORT(qualification);
    unsigned bytes = IO_BYTES(qualification);
    if (boot_info->debug != 0 && (uint16_t)(port - DEBUG_PORT + 3) < DEBUG_PORTS + 3) {  // the debugger's: for L1 nothing comes there, and what it sends vanishes
        if (qualification & IO_IN && !(qualification & IO_STRING))
            came_in(cpu, bytes, COM_EMPTY);
        advance_rip(cpu);
        return;
    }
    if (qualification & IO_STRING) {
        // What it writes lies in memory that L0 doesn't see. Nobody but an attacker resets the machine so: secrets are taken for lost.
        if (!(qualification & IO_IN) && partition_secrets())
            power_end("reset");
        cpu->step.io = true;
        step_begin(cpu);
        return;
    }
    if (qualification & IO_IN)
        came_in(cpu, bytes, bytes == 1 ? port_in8(port) : bytes == 2 ? port_in16(port) : port_in32(port));
    else
        out(port, bytes, (uint32_t)cpu->gpr[GPR_RAX]);
    advance_rip(cpu);
}
