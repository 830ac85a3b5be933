// SPDX-License-Identifier: BSD-2-Clause
#include "program.h"

#include <string.h>

#include <caps/ept_map.h>
#include <caps/layout.h>

#include "../../../trustvisor/pal.h"

#define RIP_CALL 0x402000ull

uint64_t *program_l1 = world_vmcs[VMCS_HANDLE_01];
struct tv_sections *program_sections;
struct tv_params *program_params;
static uint32_t word_bytes;
static uint64_t offset;            // of L1-physical addresses
static enum msg_origin origin;
static enum paging_mode mode = PAGING_4_LEVEL;

static const struct reply *program_exit(enum exit_reason reason)
{
    const uint32_t before = world_vmcs02;
    if (origin == ORIGIN_L2)
        world_vmcs02 = WORLD_L2;
    const struct reply *rep = world_exit(origin, reason, NULL);
    world_vmcs02 = before;
    return rep;
}

uint64_t *program_pte(uint64_t linear) { return (uint64_t *)world_at(PAGE_TABLE) + (linear >> 12 & 511); }
uint32_t *program_pte32(uint64_t linear) { return (uint32_t *)world_at(PAGE_TABLE) + (linear >> 12 & 1023); }

static void map(uint64_t linear, uint64_t flags)
{
    const uint64_t entry = (FRAME_OF(linear) - offset) | flags;
    if (mode == PAGING_32)
        *program_pte32(linear) = (uint32_t)entry;
    else
        *program_pte(linear) = entry;
}

static void page_tables(void)
{
    if (mode == PAGING_32) {
        *(uint32_t *)world_at(CR3_PAGE) = (uint32_t)(PAGE_TABLE - offset) | 7;
    } else {
        *(uint64_t *)world_at(CR3_PAGE) = (CR3_PAGE - offset + 0x1000) | 7;
        *(uint64_t *)world_at(CR3_PAGE + 0x1000) = (PAGE_DIRECTORY - offset) | 7;
        *(uint64_t *)world_at(CR3_PAGE + PDPT_OFFSET) = (PAGE_DIRECTORY - offset) | 1;
        *(uint64_t *)world_at(PAGE_DIRECTORY) = (PAGE_TABLE - offset) | 7;
    }
    for (uint64_t linear = CODE_PAGE; linear < ABSENT; linear += PAGE_BYTES)
        map(linear, linear == READ_ONLY ? 5 : linear == KERNEL_PAGE ? 3 : 7);
}

void program_large(uint32_t pages)
{
    for (uint64_t linear = LARGE_AT; linear < LARGE_AT + pages * PAGE_BYTES; linear += PAGE_BYTES)
        map(linear, 7);
}

// Of the 2 MiB in which everything of the program lies.
uint64_t *program_ept12(uint64_t linear) { return (uint64_t *)world_at((EPTP12 & PAGE_MASK) + 0x3000) + (FRAME_OF(linear) >> 12 & 511); }

static void ept12(void)
{
    const uint64_t top = EPTP12 & PAGE_MASK;
    *(uint64_t *)world_at(top) = (top + 0x1000) | EPT_RIGHTS;
    *(uint64_t *)world_at(top + 0x1000) = (top + 0x2000) | EPT_RIGHTS;
    ((uint64_t *)world_at(top + 0x2000))[(CR3_PAGE - offset) >> 21] = (top + 0x3000) | EPT_RIGHTS;
    for (unsigned i = 0; i < 512; i++)
        ((uint64_t *)world_at(top + 0x3000))[i] = (CR3_PAGE + i * PAGE_BYTES) | 6 << 3 | EPT_RIGHTS;
}

void program_start_l2(uint32_t word)
{
    origin = ORIGIN_L2;
    offset = L2_OFFSET;
    world_tag = EPTP12;
    world_l2_offset = L2_OFFSET;
    program_l1 = world_vmcs[VMCS_HANDLE_02 + WORLD_L2];
    ept12();
    program_start(word);
}

void program_system(enum paging_mode wanted) { mode = wanted; }

// CR3 has what isn't its address as well: a PCID, or bits that are ignored.
static void registers(uint32_t word)
{
    static const struct { uint64_t cr3, cr4, efer; } of[] = {
        [PAGING_32] = { 0xfff, 0x40090, 0 }, [PAGING_PAE] = { PDPT_OFFSET | 0x1f, 0x400a0, 0x800 }, [PAGING_4_LEVEL] = { 0x803, 0x400a0, 0xd01 },
    };
    program_l1[VMCS_GUEST_CR0] = 0x80050033;
    program_l1[VMCS_GUEST_CR3] = (CR3_PAGE - offset) | of[mode].cr3;
    program_l1[VMCS_GUEST_CR4] = of[mode].cr4;
    program_l1[VMCS_GUEST_EFER] = of[mode].efer;
    program_l1[VMCS_GUEST_CS_ACCESS_RIGHTS] = word == 8 ? 0xa0fb : 0xc0fb;
}

void program_start(uint32_t word)
{
    word_bytes = word;
    world_info.state = STATE_BASE;  // addresses of the state region are what they are here
    page_tables();
    registers(word);
    program_l1[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc0f3;
    program_l1[VMCS_GUEST_RFLAGS] = 0x202;
    program_l1[VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
    world_init(0, 0);

    program_sections = world_at(FRAME_OF(SECTIONS_AT));
    program_params = world_at(FRAME_OF(PARAMS_AT));
    static const uint32_t type[] = { TV_SECTION_CODE, TV_SECTION_DATA, TV_SECTION_STACK, TV_SECTION_PARAM };
    program_sections->count = 4;
    for (unsigned i = 0; i < 4; i++) {
        program_sections->section[i] = (struct tv_section){ type[i], 1, CODE_PAGE + i * PAGE_BYTES };
        memset(world_at(FRAME_OF(CODE_PAGE + i * PAGE_BYTES)), 0x90, PAGE_BYTES);
    }
}

uint64_t program_call(uint64_t number, uint64_t ecx, uint64_t edx, uint64_t esi, uint64_t edi)
{
    world_gpr[GPR_RAX] = number + (origin == ORIGIN_L2 ? TV_CALL_L2_OFFSET : 0);
    world_gpr[GPR_RCX] = ecx;
    world_gpr[GPR_RDX] = edx;
    world_gpr[GPR_RSI] = esi;
    world_gpr[GPR_RDI] = edi;
    program_l1[VMCS_GUEST_RIP] = RIP_CALL;
    CHECK_EQ(program_exit(EXIT_VMCALL)->verdict, VERDICT_RESUME);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RIP_CALL + 3);
    CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], 0);
    return world_gpr[GPR_RAX];
}

uint64_t program_register(void) { return program_call(TV_CALL_REGISTER, SECTIONS_AT, 0, PARAMS_AT, ENTRY); }
uint64_t program_unregister(void) { return program_call(TV_CALL_UNREGISTER, ENTRY, 0, 0, 0); }

uint64_t program_share(uint64_t linear, uint64_t bytes)
{
    memcpy(world_at(FRAME_OF(OWN_STACK)), &linear, word_bytes);
    memcpy(world_at(FRAME_OF(OWN_STACK) + 0x100), &bytes, word_bytes);
    return program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, OWN_STACK + 0x100, 1);
}

const struct reply *program_touch(uint64_t linear, unsigned qualification)
{
    program_l1[VMCS_GUEST_PHYSICAL_ADDR] = FRAME_OF(linear) - offset;
    program_l1[VMCS_EXIT_QUALIFICATION] = qualification;
    return program_exit(EXIT_EPT_VIOLATION);
}

const struct reply *program_enter(void)
{
    const uint64_t to = RETURN_TO;
    memcpy(world_at(FRAME_OF(CALL_RSP)), &to, word_bytes);
    program_l1[VMCS_GUEST_RSP] = CALL_RSP;
    program_l1[VMCS_GUEST_RIP] = ENTRY;
    const struct reply *rep = program_touch(ENTRY, 4);
    world_vmcs02 = rep->vmcs02;
    return rep;
}

const struct reply *pal_leave(enum exit_reason reason) { return world_exit(ORIGIN_PAL, reason, NULL); }

const struct reply *pal_exception(uint32_t vector, uint64_t address, uint64_t rip)
{
    PAL_VMCS(world_vmcs02)[VMCS_EXIT_INTR_INFO] = 0x80000300 | vector;
    PAL_VMCS(world_vmcs02)[VMCS_EXIT_QUALIFICATION] = address;
    PAL_VMCS(world_vmcs02)[VMCS_GUEST_RIP] = rip;
    return pal_leave(EXIT_EXCEPTION_OR_NMI);
}

const struct reply *pal_return(uint64_t result)
{
    world_gpr[GPR_RAX] = result;
    return pal_exception(14, 4, 4);
}

uint64_t pal_hypercall(uint64_t number, uint64_t ecx, uint64_t edx, uint64_t esi, uint64_t edi)
{
    world_gpr[GPR_RAX] = number;
    world_gpr[GPR_RCX] = ecx;
    world_gpr[GPR_RDX] = edx;
    world_gpr[GPR_RSI] = esi;
    world_gpr[GPR_RDI] = edi;
    PAL_VMCS(world_vmcs02)[VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
    CHECK_EQ(pal_leave(EXIT_VMCALL)->verdict, VERDICT_RESUME);
    return world_gpr[GPR_RAX];
}

// The last mapping of a PAL-physical page, among the operations.
static const struct op *mapping(uint32_t number, uint64_t physical)
{
    for (uint32_t i = world_ops; i > 0; i--) {
        const struct op *op = &world_op[(i - 1) % WORLD_OPS];
        if (op->object == number && (op->code == OP_EPT_CREATE || (op->code == OP_EPT_UNMAP && op->b == physical)))
            return NULL;
        if (op->object == number && op->code == OP_EPT_MAP && op->b == physical)
            return op;
    }
    return NULL;
}

uint8_t *pal_sees(uint32_t number, uint64_t address, unsigned *rights)
{
    uint64_t physical = PAL_VMCS(number)[VMCS_GUEST_CR3];
    for (unsigned shift = 39; shift >= 12; shift -= 9) {
        const struct op *table = mapping(number, physical & PAGE_MASK);
        CHECK(table != NULL && ept_map_rights(table->a) == EPT_READ);
        const uint64_t entry = ((const uint64_t *)(uintptr_t)table->c)[address >> shift & 511];
        if (!(entry & 1))
            return NULL;
        physical = entry & 0x000ffffffffff000ull;
    }
    const struct op *page = mapping(number, physical & 0x000ffffffffff000ull);
    CHECK(page != NULL);
    *rights = ept_map_rights(page->a);
    if (page->c >= STATE_BASE && page->c >= WORLD_BYTES)  // of the partition's own: a copy
        return (uint8_t *)(uintptr_t)page->c + address % PAGE_BYTES;
    CHECK(world_owned(page->c));
    return (uint8_t *)world_at(page->c) + address % PAGE_BYTES;
}

void program_two_params(void)
{
    program_params->count = 2;
    program_params->param[0] = (struct tv_param){ TV_PARAM_INTEGER, 0, 1 };
    program_params->param[1] = (struct tv_param){ TV_PARAM_POINTER, 0, 4 };
}

void program_registered(uint32_t word)
{
    program_start(word);
    program_two_params();
    CHECK_EQ(program_register(), 0);
}

bool program_nothing_left(void) { return world_owned_pages() == 0 && pal_table[0].place.as.state == PAL_FREE; }
