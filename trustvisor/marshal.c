// SPDX-License-Identifier: BSD-2-Clause
#include "marshal.h"

#include <caps/addr.h>
#include <rt/string.h>

#include "call.h"

#define AREA_OFFSET  0x10u   // of the parameters in their section
#define STACK_OFFSET 0x10u   // of the stack's top below its section's end
#define REGISTERS    6u      // of a 64-bit program's parameters

static const uint8_t register_of[REGISTERS] = { GPR_RDI, GPR_RSI, GPR_RDX, GPR_RCX, GPR_R8, GPR_R9 };

static const struct pal_section *section_of(const struct pal *pal, enum tv_section_type type)
{
    for (uint32_t i = 0; i < pal->section_count; i++)
        if (pal->section[i].type == (uint32_t)type)
            return &pal->section[i];
    return NULL;
}

static uint64_t word_at(const uint8_t *bytes, uint32_t word)
{
    uint64_t value = 0;
    memcpy(&value, bytes, word);
    return value;
}

static enum marshal marshal_of(enum walk walk)
{
    return walk == WALK_OK ? MARSHAL_OK : walk == WALK_FAULT ? MARSHAL_FAULT : walk == WALK_EPT12 ? MARSHAL_EPT12 : MARSHAL_REFUSED;
}

static bool canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16) == address; }

// The return address and the parameters, as the program gave them. No CPU can be entered at an address with different bits above the linear ones (SDM 3C
// 27.3.1.4 "Checks on Guest RIP, RFLAGS, and SSP"): what L0 could not enter any more would be all of L1. To what else isn't canonical a RET would be #GP, too.
static enum marshal read_stack(struct pal *pal, struct caller *caller)
{
    uint8_t stack[(1 + TV_PARAMS_MAX) * 8];
    struct pal_call *call = &pal->call;
    const uint32_t word = pal->word, in_registers = word == 8 ? REGISTERS : 0;
    const uint32_t on_stack = pal->param_count > in_registers ? pal->param_count - in_registers : 0;
    const enum walk walk = caller_read(caller, stack, call->rsp, (1 + on_stack) * word);
    if (walk != WALK_OK)
        return marshal_of(walk);
    call->return_address = word_at(stack, word);
    for (uint32_t i = 0; i < pal->param_count; i++)
        call->pointer[i] = i < in_registers ? call->gpr[register_of[i]] : word_at(&stack[(1 + i - in_registers) * word], word);
    return canonical(call->return_address) ? MARSHAL_OK : MARSHAL_RETURN;
}

// From the program into the PAL, or back, page of the PAL by page.
static enum marshal move(const struct pal *pal, struct caller *caller, uint64_t inside, uint64_t outside, uint64_t bytes, bool in)
{
    while (bytes > 0) {
        bool writable;
        const uint32_t page = pal_page_at(pal, inside, &writable), offset = (uint32_t)(inside % PAGE_BYTES);
        const uint32_t piece = bytes < PAGE_BYTES - offset ? (uint32_t)bytes : (uint32_t)PAGE_BYTES - offset;
        uint8_t *at = (uint8_t *)pal_page(pal, page) + offset;
        const enum walk walk = in ? caller_read(caller, at, outside, piece) : caller_write(caller, outside, at, piece);
        if (walk != WALK_OK)
            return marshal_of(walk);
        inside += piece;
        outside += piece;
        bytes -= piece;
    }
    return MARSHAL_OK;
}

// One parameter into the area at *at, which ends at end.
static enum marshal put_param(struct pal *pal, struct caller *caller, uint32_t i, uint64_t *at, uint64_t end)
{
    const struct pal_param *param = &pal->param[i];
    struct pal_call *call = &pal->call;
    const uint64_t head[3] = { param->type, param->bytes, call->pointer[i] };
    const uint64_t data = param->type == TV_PARAM_POINTER ? param->bytes : 0;
    if (end - *at < sizeof(head) || data > end - *at - sizeof(head) || !pal_write(pal, *at, head, sizeof(head)))
        return MARSHAL_REFUSED;
    *at += sizeof(head);
    call->copy[i] = call->pointer[i];
    if (param->type != TV_PARAM_POINTER)
        return MARSHAL_OK;
    // It is written back: what can't be written faults now, not when all is done.
    const enum walk walk = caller_check(caller, call->pointer[i], data, ACCESS_WRITE);
    const enum marshal marshal = walk == WALK_OK ? move(pal, caller, *at, call->pointer[i], data, true) : marshal_of(walk);
    call->copy[i] = *at;
    *at += data;
    return marshal;
}

static enum marshal put_area(struct pal *pal, struct caller *caller)
{
    const struct pal_section *section = section_of(pal, TV_SECTION_PARAM);
    const uint64_t count = pal->param_count;
    if (count == 0)
        return MARSHAL_OK;
    if (section == NULL)
        return MARSHAL_REFUSED;
    uint64_t at = section->start + AREA_OFFSET;
    const uint64_t end = section->start + section->pages * PAGE_BYTES;
    enum marshal marshal = pal_write(pal, at, &count, sizeof(count)) ? MARSHAL_OK : MARSHAL_REFUSED;
    at += sizeof(count);
    for (uint32_t i = pal->param_count; i > 0 && marshal == MARSHAL_OK; i--)
        marshal = put_param(pal, caller, i - 1, &at, end);
    return marshal;
}

// As the program's compiler laid them out: registers first, the rest above the return address, which is the sentinel.
static enum marshal put_words(struct pal *pal, uint64_t gpr[GPR_COUNT], uint64_t *rsp)
{
    const struct pal_section *stack = section_of(pal, TV_SECTION_STACK);
    const uint32_t word = pal->word, in_registers = word == 8 ? REGISTERS : 0;
    const uint64_t sentinel = CALL_SENTINEL;
    if (stack == NULL)
        return MARSHAL_REFUSED;
    const uint32_t on_stack = pal->param_count > in_registers ? pal->param_count - in_registers : 0;
    const uint64_t first = (stack->start + stack->pages * PAGE_BYTES - STACK_OFFSET - on_stack * word) & ~15ull;  // compilers rely on 16
    memset(gpr, 0, GPR_COUNT * sizeof(*gpr));
    for (uint32_t i = 0; i < pal->param_count; i++) {
        if (i < in_registers)
            gpr[register_of[i]] = pal->call.copy[i];
        else if (!pal_write(pal, first + (i - in_registers) * word, &pal->call.copy[i], word))
            return MARSHAL_REFUSED;
    }
    *rsp = first - word;
    return pal_write(pal, *rsp, &sentinel, word) ? MARSHAL_OK : MARSHAL_REFUSED;
}

enum marshal marshal_in(struct pal *pal, struct caller *caller, uint64_t gpr[GPR_COUNT], uint64_t *rsp)
{
    enum marshal marshal = read_stack(pal, caller);
    if (marshal == MARSHAL_OK)
        marshal = put_area(pal, caller);
    return marshal == MARSHAL_OK ? put_words(pal, gpr, rsp) : marshal;
}

// In the area's order: where pointers of a program's overlap, what it finds is the first parameter's.
enum marshal marshal_out(const struct pal *pal, struct caller *caller)
{
    enum marshal marshal = MARSHAL_OK;
    for (uint32_t i = pal->param_count; marshal == MARSHAL_OK && i-- > 0;)
        if (pal->param[i].type == TV_PARAM_POINTER)
            marshal = move(pal, caller, pal->call.copy[i], pal->call.pointer[i], pal->param[i].bytes, false);
    return marshal;
}
