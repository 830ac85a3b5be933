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

enum { COM_EMPTY = 0x60 };  // line status of a port that could send

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

// Whether this byte ends the machine, and how.
static const char *stage_of(uint16_t port, uint8_t byte)
{
    if (port == PORT_BOCHS_SHUTDOWN && shutdown_word(byte))
        return "power-off";
    for (const struct boot_end *end = boot_info->end; end < boot_info->end + BOOT_ENDS; end++)
        if (end->mask != 0 && port == end->port && (byte & end->mask) == end->value)
            return end->power_off ? "power-off" : "reset";
    return NULL;
}

bool io_claimed(const struct cpu *cpu, const struct route_cap *range)
{
    const uint64_t qualification = cpu->event->qualification, first = IO_PORT(qualification), last = first + IO_BYTES(qualification) - 1;
    return cpu->level == ORIGIN_L1 ? (qualification & ~(uint64_t)IO_REP) == (HYPERCALL_PORT << 16 | IO_IN | 3)
                                   : (first <= range->last && last >= range->first) || last >= 0x10000 + range->first;  // behind the last port comes the first one
}

static void out(uint16_t port, unsigned bytes, uint32_t value)
{
    const char *stage = NULL;
    // Devices that are a byte wide take a larger access byte by byte. But 4 bytes at 0xcf8 are a PCI configuration address, and go to no device.
    for (unsigned i = 0; stage == NULL && i < bytes && !(port == PORT_PCI_ADDRESS && bytes == 4); i++)
        stage = stage_of((uint16_t)(port + i), (uint8_t)(value >> 8 * i));
    if (stage != NULL)
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
    const uint16_t port = IO_PORT(qualification), bytes = (uint16_t)IO_BYTES(qualification);
    if (boot_info->debug != 0 && (uint16_t)(port - DEBUG_PORT + 3) < DEBUG_PORTS + 3) {  // the debugger's: for L1 nothing comes there, and what it sends vanishes
        if (qualification & IO_IN && !(qualification & IO_STRING))
            came_in(cpu, bytes, COM_EMPTY);
        advance_rip(cpu);
        return;
    }
    if (qualification & IO_STRING) {
        // What it writes lies in memory that L0 doesn't see; and what reads may write by the time of its step, which no port stops: another CPU has changed the
        // code. Nobody but an attacker comes to L0's ports so: secrets are taken for lost.
        if (cpu->level == ORIGIN_L1 && partition_secrets())
            power_end("reset");
        if (!step_io(cpu, port, bytes))
            inject_gp(cpu, 0);
        return;
    }
    if (qualification & IO_IN)
        came_in(cpu, bytes, bytes == 1 ? port_in8(port) : bytes == 2 ? port_in16(port) : port_in32(port));
    else
        out(port, bytes, (uint32_t)cpu->gpr[GPR_RAX]);
    advance_rip(cpu);
}
