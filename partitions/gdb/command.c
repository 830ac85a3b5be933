// SPDX-License-Identifier: BSD-2-Clause
// gdb's commands.
#include "command.h"

#include <stddef.h>

#include <caps/cap.h>
#include <caps/layout.h>
#include <rt/call.h>

#include "debugged.h"

#define DR7_ENABLE(i)    (1ull << 2 * (i))
#define DR7_CONDITION(i) (16 + 4 * (i))
#define CODE_MAX         0x7fffffffffffull  // ring 3's part of the address space

// i386:x86-64's registers in gdb's order; segments but CS and SS, and all that follows, are left out.
#define PLACE(member) (offsetof(struct debug_stop, member) / sizeof(uint64_t))
static const struct { uint8_t place, bytes; } registers[] = {
    { GPR_RAX, 8 }, { GPR_RBX, 8 }, { GPR_RCX, 8 }, { GPR_RDX, 8 }, { GPR_RSI, 8 }, { GPR_RDI, 8 }, { GPR_RBP, 8 }, { PLACE(rsp), 8 },
    { GPR_R8, 8 }, { GPR_R9, 8 }, { GPR_R10, 8 }, { GPR_R11, 8 }, { GPR_R12, 8 }, { GPR_R13, 8 }, { GPR_R14, 8 }, { GPR_R15, 8 },
    { PLACE(rip), 8 }, { PLACE(rflags), 4 }, { PLACE(cs), 4 }, { PLACE(ss), 4 },
};
#define REGISTERS (sizeof(registers) / sizeof(registers[0]))
#define RIP       16u  // its number there; those below are general

// A number, and the character behind it.
static uint64_t take_number(const char **at)
{
    uint64_t value = 0;
    for (; packet_digit(**at) >= 0; ++*at)
        value = value << 4 | (uint64_t)packet_digit(**at);
    *at += **at != 0;
    return value;
}

// Bytes of two digits each, the lowest first. false: that many aren't there.
static bool take_bytes(const char **at, unsigned bytes, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < 2 * bytes; i++, ++*at) {
        if (packet_digit(**at) < 0)
            return false;
        *value |= (uint64_t)packet_digit(**at) << 4 * (i ^ 1);
    }
    return true;
}

static char *put_bytes(char *to, uint64_t value, unsigned bytes)
{
    for (; bytes-- > 0; value >>= 8) {
        *to++ = "0123456789abcdef"[value >> 4 & 15];
        *to++ = "0123456789abcdef"[value & 15];
    }
    *to = 0;
    return to;
}

static void put_text(char *to, const char *text)
{
    while ((*to++ = *text++) != 0)
        ;
}

static bool read_memory(char *text)
{
    const char *at = text + 1;
    uint64_t address = take_number(&at), bytes = take_number(&at);
    char *to = text;
    uint8_t byte;
    for (; bytes > 0 && to < text + PACKET_TEXT && debugged_read(address, &byte, 1); address++, bytes--)
        to = put_bytes(to, byte, 1);
    return to != text;
}

// gdb's breakpoints, too: where other CPUs execute the old byte or the new one.
static bool write_memory(const char *text)
{
    const char *at = text + 1;
    uint64_t address = take_number(&at), bytes = take_number(&at), value;
    for (; bytes > 0; address++, bytes--) {
        if (!take_bytes(&at, 1, &value) || !debugged_write(address, &(uint8_t){ (uint8_t)value }, 1))
            return false;
    }
    return true;
}

static void read_registers(const struct debug_stop *stop, char *to)
{
    for (unsigned i = 0; i < REGISTERS; i++)
        to = put_bytes(to, ((const uint64_t *)stop)[registers[i].place], registers[i].bytes);
}

// Not flags and segments: the kernel has these as they must be.
static bool write_register(struct debug_stop *stop, const char *text)
{
    const char *at = text + 1;
    uint64_t number = take_number(&at), value;
    if (number > RIP || !take_bytes(&at, 8, &value) || (number == RIP && value > CODE_MAX))
        return false;
    ((uint64_t *)stop)[registers[number].place] = value;
    return true;
}

// SDM 3B 18.2.4 "Debug Control Register (DR7)".
static bool watch(struct watches *watches, const char *text)
{
    static const uint8_t length[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
    const bool insert = text[0] == 'Z';
    const char *at = text + 1;
    uint64_t type = take_number(&at), address = take_number(&at), bytes = take_number(&at);
    if (type > 4 || bytes < 1 || bytes > 8 || (bytes & (bytes - 1)) != 0 || address % bytes != 0 || address >= WINDOW_BASE)
        return false;
    uint64_t condition = (type == 2 ? 1u : 3u) | (uint64_t)length[bytes] << 2;  // write; read or write
    for (unsigned i = 0; i < DEBUG_WATCHES; i++) {
        bool used = watches->how & DR7_ENABLE(i);
        bool same = used && watches->address[i] == address && (watches->how >> DR7_CONDITION(i) & 15) == condition;
        if (insert ? used : !same)
            continue;
        watches->address[i] = address;
        watches->how ^= DR7_ENABLE(i) | condition << DR7_CONDITION(i);
        return true;
    }
    return !insert;
}

// B and KIND,FIELD, which only our own gdb commands send: of L1's VMCS, its shadow, or that of the L2 that the message is about.
static bool read_field(const struct request *req, char *text)
{
    static const uint32_t handle[VMCS_KINDS] = { [VMCS_KIND_01] = VMCS_HANDLE_01, [VMCS_KIND_SHADOW] = VMCS_HANDLE_SHADOW, [VMCS_KIND_02] = VMCS_HANDLE_L2 };
    const char *at = text + 1;
    uint64_t kind = take_number(&at), field = take_number(&at);
    if (kind >= VMCS_KINDS || field >= VMCS_FIELD_COUNT)
        return false;
    const uint64_t group = 1ull << vmcs_field_info[field].group;
    if ((kind != VMCS_KIND_SHADOW && group == GROUP_HOST) || rt_fetch(handle[kind], group, 0) != STATUS_OK)
        return false;
    put_bytes(text, ((const volatile struct request *)req)->field[0][field], 8);
    return true;
}

void command_stopped(const struct command *command, enum signal signal, unsigned hits, char text[PACKET_TEXT + 1])
{
    if (hits == 0) {
        *text = 'S';
        put_bytes(text + 1, signal, 1);
        return;
    }
    put_text(text, "T05watch:");
    char *to = text + 9;
    const uint64_t address = command->watches->address[(unsigned)__builtin_ctz(hits) % DEBUG_WATCHES];
    for (int shift = 56; shift >= 0; shift -= 8)
        to = put_bytes(to, address >> shift & 0xff, 1);
    put_text(to, ";");
}

enum next command_do(const struct command *command, char text[PACKET_TEXT + 1])
{
    enum next next = NEXT_STAY;
    bool done = false, known = true;
    switch (text[0]) {
    case 'c': return NEXT_CONTINUE;
    case 'C': return NEXT_DELIVER;
    case 's': case 'S': return NEXT_STEP;
    case '?': command_stopped(command, SIGNAL_TRAP, 0, text); return NEXT_STAY;
    case 'g': read_registers(command->at, text); return NEXT_STAY;
    case 'm': case 'B':
        if (text[0] == 'm' ? read_memory(text) : read_field(command->req, text))
            return NEXT_STAY;
        break;
    case 'P': done = write_register(command->at, text); break;
    case 'M': done = write_memory(text); break;
    case 'Z': case 'z':
        known = text[1] >= '2';  // gdb writes breakpoints itself
        done = known && watch(command->watches, text);
        break;
    case 'D': case 'k':
        next = NEXT_LEAVE;
        done = true;
        break;
    default: known = false; break;
    }
    put_text(text, !known ? "" : done ? "OK" : "E01");
    return next;
}
