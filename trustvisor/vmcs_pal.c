// SPDX-License-Identifier: BSD-2-Clause
#include "vmcs_pal.h"

#include <caps/vmcs_feature.h>
#include <rt/reply.h>

#include "tables.h"

#define CR0_PAL        0x80010033ull   // paging, write-protect, protected mode; vector registers usable
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_PAL        0x620ull        // PAE, OSFXSR, OSXMMEXCPT
#define EFER_PAL       0xd00ull        // long mode active and enabled, no-execute; no SYSCALL
#define PAT_RESET      0x0007040600070406ull
#define DR7_RESET      0x400ull
#define RFLAGS_RESET   2ull
#define RIGHTS_CODE_64 0xa0fbull
#define RIGHTS_CODE_32 0xc0fbull
#define RIGHTS_DATA    0xc0f3ull
#define RIGHTS_TSS     0x8bull
#define RIGHTS_NONE    0x10000ull      // unusable
#define SELECTOR_64    0x33ull
#define SELECTOR_32    0x23ull
#define SELECTOR_DATA  0x2bull
#define SELECTOR_TSS   0x40ull
#define LIMIT_FLAT     0xffffffffull
#define LIMIT_TSS      0x67ull

static void segment(struct reply *rep, enum vmcs_field selector, enum vmcs_field limit, enum vmcs_field rights, uint64_t selector_value,
                    uint64_t limit_value, uint64_t rights_value)
{
    reply_field(rep, 0, selector, selector_value);
    reply_field(rep, 0, limit, limit_value);
    reply_field(rep, 0, rights, rights_value);
}

static void segments(struct reply *rep, uint32_t word)
{
    segment(rep, VMCS_GUEST_CS_SELECTOR, VMCS_GUEST_CS_LIMIT, VMCS_GUEST_CS_ACCESS_RIGHTS, word == 8 ? SELECTOR_64 : SELECTOR_32, LIMIT_FLAT,
            word == 8 ? RIGHTS_CODE_64 : RIGHTS_CODE_32);
    segment(rep, VMCS_GUEST_SS_SELECTOR, VMCS_GUEST_SS_LIMIT, VMCS_GUEST_SS_ACCESS_RIGHTS, SELECTOR_DATA, LIMIT_FLAT, RIGHTS_DATA);
    segment(rep, VMCS_GUEST_DS_SELECTOR, VMCS_GUEST_DS_LIMIT, VMCS_GUEST_DS_ACCESS_RIGHTS, SELECTOR_DATA, LIMIT_FLAT, RIGHTS_DATA);
    segment(rep, VMCS_GUEST_ES_SELECTOR, VMCS_GUEST_ES_LIMIT, VMCS_GUEST_ES_ACCESS_RIGHTS, SELECTOR_DATA, LIMIT_FLAT, RIGHTS_DATA);
    segment(rep, VMCS_GUEST_FS_SELECTOR, VMCS_GUEST_FS_LIMIT, VMCS_GUEST_FS_ACCESS_RIGHTS, 0, 0, RIGHTS_NONE);
    segment(rep, VMCS_GUEST_GS_SELECTOR, VMCS_GUEST_GS_LIMIT, VMCS_GUEST_GS_ACCESS_RIGHTS, 0, 0, RIGHTS_NONE);
    segment(rep, VMCS_GUEST_LDTR_SELECTOR, VMCS_GUEST_LDTR_LIMIT, VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0, 0, RIGHTS_NONE);
    segment(rep, VMCS_GUEST_TR_SELECTOR, VMCS_GUEST_TR_LIMIT, VMCS_GUEST_TR_ACCESS_RIGHTS, SELECTOR_TSS, LIMIT_TSS, RIGHTS_TSS);
}

// Compilers' stack protectors find their value behind a thread's base, FS in 64-bit and GS in 32-bit code: that is the PAL's first DATA section.
static void thread_base(const struct pal *pal, struct reply *rep)
{
    uint32_t i = 0;
    while (i < pal->section_count && pal->section[i].type != TV_SECTION_DATA)
        i++;
    if (i == pal->section_count)
        return;
    reply_field(rep, 0, pal->word == 8 ? VMCS_GUEST_FS_BASE : VMCS_GUEST_GS_BASE, pal->section[i].start);
    if (pal->word == 4)
        segment(rep, VMCS_GUEST_GS_SELECTOR, VMCS_GUEST_GS_LIMIT, VMCS_GUEST_GS_ACCESS_RIGHTS, SELECTOR_DATA, LIMIT_FLAT, RIGHTS_DATA);
}

void vmcs_pal_make(const struct pal *pal, const struct request *req, struct reply *rep)
{
    const uint32_t number = pal_number(pal), handle = VMCS_HANDLE_02 + number;
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
        if (VMCS_PAL_WRITES >> vmcs_field_info[field].group & 1)
            rep->field[0][field] = 0;
    segments(rep, pal->word);
    thread_base(pal, rep);
    reply_field(rep, 0, VMCS_GUEST_RFLAGS, RFLAGS_RESET);
    reply_field(rep, 0, VMCS_GUEST_CR0, CR0_PAL);
    reply_field(rep, 0, VMCS_GUEST_CR3, PAL_PHYSICAL_TABLE(0));
    reply_field(rep, 0, VMCS_GUEST_CR4, CR4_PAL | (req->field[0][VMCS_GUEST_CR4] & CR4_OSXSAVE));
    reply_field(rep, 0, VMCS_GUEST_EFER, EFER_PAL);
    reply_field(rep, 0, VMCS_GUEST_PAT, PAT_RESET);
    reply_field(rep, 0, VMCS_GUEST_DR7, DR7_RESET);
    reply_field(rep, 0, VMCS_EXCEPTION_BITMAP, 0xffffffff);
    reply_field(rep, 0, VMCS_PIN_CONTROLS, PIN_EXTERNAL_INTERRUPT_EXITING);
    reply_field(rep, 0, VMCS_PROC_CONTROLS, PROC_UNCONDITIONAL_IO_EXITING | PROC_RDPMC_EXITING | PROC_MONITOR_EXITING | PROC_MWAIT_EXITING);
    reply_field(rep, 0, VMCS_PROC_CONTROLS2, PROC2_ENABLE_RDTSCP | PROC2_UNRESTRICTED_GUEST);
    reply_field(rep, 0, VMCS_ENTRY_CONTROLS, ENTRY_GUEST_IA32E);
    rep->op_count = 0;
    reply_op(rep, OP_VMCS_RESET, handle, 0, 0, 0);
    reply_op(rep, OP_WRITE_GROUPS, handle, 0, VMCS_PAL_WRITES, 0);
    reply_op(rep, OP_VMCS_EPT, handle, 0, VMCS_PAL_TAG(number), 0);
    reply_op(rep, OP_VMCS_CLEAR, handle, 0, 0, 0);
}
