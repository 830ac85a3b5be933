// SPDX-License-Identifier: BSD-2-Clause
// L1's state at an exit to it. It is made once and kept until L1 changes its host fields or controls.

#include <caps/ring.h>
#include <rt/call.h>
#include <rt/cpu.h>
#include <rt/guest.h>
#include <rt/reply.h>

#include "entry_check.h"
#include "l1_state.h"
#include "vmcs02.h"
#include "x86.h"

#define RIGHTS_CODE_64   0xa09bu   // P, S, execute/read accessed, G, L
#define RIGHTS_CODE_32   0xc09bu   // ... G, D
#define RIGHTS_DATA      0xc093u   // P, S, read/write accessed, G, B
#define RIGHTS_TSS       0x008bu   // P, busy TSS
#define RIGHTS_UNUSABLE  0x10000u
#define DR7_RESET        0x400u
#define RFLAGS_RESET     2u
#define BLOCKING_BY_NMI  8u
#define ACTIVITY_SHUTDOWN 2u

struct data_segment { enum vmcs_field selector, base, limit, rights, host_selector; };

static void segments(uint64_t *l1, const struct vmcs12 *v)
{
    static const struct data_segment data[] = {
#define DATA(name) { VMCS_GUEST_##name##_SELECTOR, VMCS_GUEST_##name##_BASE, VMCS_GUEST_##name##_LIMIT, \
                     VMCS_GUEST_##name##_ACCESS_RIGHTS, VMCS_HOST_##name##_SELECTOR },
        DATA(ES) DATA(SS) DATA(DS) DATA(FS) DATA(GS)
#undef DATA
    };
    for (unsigned i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
        const uint64_t selector = vmcs12_get(v, data[i].host_selector);
        l1[data[i].selector] = selector;
        l1[data[i].base] = 0;
        l1[data[i].limit] = 0xffffffff;
        l1[data[i].rights] = selector != 0 ? RIGHTS_DATA : RIGHTS_UNUSABLE;
    }
    l1[VMCS_GUEST_FS_BASE] = vmcs12_get(v, VMCS_HOST_FS_BASE);
    l1[VMCS_GUEST_GS_BASE] = vmcs12_get(v, VMCS_HOST_GS_BASE);
    l1[VMCS_GUEST_CS_SELECTOR] = vmcs12_get(v, VMCS_HOST_CS_SELECTOR);
    l1[VMCS_GUEST_CS_BASE] = 0;
    l1[VMCS_GUEST_CS_LIMIT] = 0xffffffff;
    l1[VMCS_GUEST_CS_ACCESS_RIGHTS] = vmcs12_exit(v, EXIT_HOST_64_BIT) ? RIGHTS_CODE_64 : RIGHTS_CODE_32;
}

static void tables(uint64_t *l1, const struct vmcs12 *v)
{
    l1[VMCS_GUEST_LDTR_SELECTOR] = 0;
    l1[VMCS_GUEST_LDTR_BASE] = 0;
    l1[VMCS_GUEST_LDTR_LIMIT] = 0;
    l1[VMCS_GUEST_LDTR_ACCESS_RIGHTS] = RIGHTS_UNUSABLE;
    l1[VMCS_GUEST_TR_SELECTOR] = vmcs12_get(v, VMCS_HOST_TR_SELECTOR);
    l1[VMCS_GUEST_TR_BASE] = vmcs12_get(v, VMCS_HOST_TR_BASE);
    l1[VMCS_GUEST_TR_LIMIT] = 0x67;
    l1[VMCS_GUEST_TR_ACCESS_RIGHTS] = RIGHTS_TSS;
    l1[VMCS_GUEST_GDTR_BASE] = vmcs12_get(v, VMCS_HOST_GDTR_BASE);
    l1[VMCS_GUEST_IDTR_BASE] = vmcs12_get(v, VMCS_HOST_IDTR_BASE);
    l1[VMCS_GUEST_GDTR_LIMIT] = 0xffff;
    l1[VMCS_GUEST_IDTR_LIMIT] = 0xffff;
}

static void registers(uint64_t *l1, const struct vmcs12 *v)
{
    l1[VMCS_GUEST_RIP] = vmcs12_get(v, VMCS_HOST_RIP);
    l1[VMCS_GUEST_RSP] = vmcs12_get(v, VMCS_HOST_RSP);
    l1[VMCS_GUEST_RFLAGS] = RFLAGS_RESET;
    l1[VMCS_GUEST_CR0] = vmcs12_get(v, VMCS_HOST_CR0);
    l1[VMCS_GUEST_CR3] = vmcs12_get(v, VMCS_HOST_CR3);
    l1[VMCS_GUEST_CR4] = vmcs12_get(v, VMCS_HOST_CR4);
    l1[VMCS_GUEST_SYSENTER_CS] = vmcs12_get(v, VMCS_HOST_SYSENTER_CS);
    l1[VMCS_GUEST_SYSENTER_ESP] = vmcs12_get(v, VMCS_HOST_SYSENTER_ESP);
    l1[VMCS_GUEST_SYSENTER_EIP] = vmcs12_get(v, VMCS_HOST_SYSENTER_EIP);
    l1[VMCS_GUEST_EFER] = vmcs12_get(v, VMCS_HOST_EFER);
    l1[VMCS_GUEST_PAT] = vmcs12_get(v, VMCS_HOST_PAT);
    l1[VMCS_GUEST_DR7] = DR7_RESET;
    l1[VMCS_GUEST_DEBUGCTL] = 0;
}

static void prepare(struct vmcs02 *vmcs02, const struct vmcs12 *v)
{
    static uint64_t versions;
    registers(vmcs02->l1, v);
    segments(vmcs02->l1, v);
    tables(vmcs02->l1, v);
    vmcs02->l1_groups = GROUPS_RIP | GROUPS_CR | GROUPS_PRIVILEGE | SEGMENT_GROUPS | GROUP_TABLES | GROUP_SYSENTER | GROUP_DEBUG;
    if (vmcs12_exit(v, EXIT_LOAD_EFER))
        vmcs02->l1_groups |= GROUP_EFER;
    if (vmcs12_exit(v, EXIT_LOAD_PAT))
        vmcs02->l1_groups |= GROUP_PAT;
    vmcs02->l1_null = vmcs12_exit(v, EXIT_HOST_64_BIT) &&
                      (vmcs12_get(v, VMCS_HOST_ES_SELECTOR) | vmcs12_get(v, VMCS_HOST_DS_SELECTOR) | vmcs12_get(v, VMCS_HOST_FS_SELECTOR) |
                       vmcs12_get(v, VMCS_HOST_GS_SELECTOR)) == 0;
    vmcs02->l1_version = __atomic_add_fetch(&versions, 1, __ATOMIC_RELAXED);
    vmcs02->l1_ready = true;
}

// VMCS02's EFER and PAT go on to L1 where VMCS12 doesn't load L1's.
static uint64_t carry(struct message *m, const struct vmcs12 *v, const struct vmcs02 *vmcs02)
{
    uint64_t groups = 0;
    // Neither loaded, by a control or by an MSR list, nor changed: VMCS01 still has it.
    const uint64_t same = vmcs12_get(v, VMCS_ENTRY_MSR_LOAD_COUNT) == 0 ? vmcs02->stable : 0;
    if (!vmcs12_exit(v, EXIT_LOAD_EFER) && (vmcs12_entry(v, ENTRY_LOAD_GUEST_EFER) || !(same & GROUP_EFER)))
        groups |= GROUP_EFER;
    if (!vmcs12_exit(v, EXIT_LOAD_PAT) && (vmcs12_entry(v, ENTRY_LOAD_GUEST_PAT) || !(same & GROUP_PAT)))
        groups |= GROUP_PAT;
    if (groups == 0)
        return 0;
    if (rt_fetch(vmcs12_handle(v), groups, 1) != STATUS_OK)
        rt_panic("a VMCS02 in use can't be read");
    const uint64_t *field = m->req->field[1], mode = vmcs12_exit(v, EXIT_HOST_64_BIT) ? EFER_LME | EFER_LMA : 0;
    if (groups & GROUP_EFER)
        reply_field(m->rep, 0, VMCS_GUEST_EFER, (field[VMCS_GUEST_EFER] & ~(EFER_LME | EFER_LMA)) | mode);
    if (groups & GROUP_PAT)
        reply_field(m->rep, 0, VMCS_GUEST_PAT, field[VMCS_GUEST_PAT]);
    return groups;
}

// A 32-bit L1 with PAE paging: the PDPTEs come from its memory (SDM 3C 28.5.4 "Checking and Loading Host Page-Directory-Pointer-Table Entries").
static uint64_t pdptes(struct message *m, const struct vmcs12 *v, bool *valid)
{
    const uint64_t cr3 = vmcs12_get(v, VMCS_HOST_CR3);
    uint64_t pdpte[4] = { 0 };

    if (vmcs12_exit(v, EXIT_HOST_64_BIT) || !(vmcs12_get(v, VMCS_HOST_CR0) & CR0_PG) || !(vmcs12_get(v, VMCS_HOST_CR4) & CR4_PAE))
        return 0;
    // Read once: other CPUs of L1 may write there, and VMCS01 must not get what wasn't checked.
    if (!pdptes_read(cr3, pdpte) || !pdptes_ok(pdpte)) {
        rt_log(LOG_ERROR, "L1's PDPTEs at %lx are not valid", cr3);
        *valid = false;
        memset(pdpte, 0, sizeof(pdpte));
    }
    for (unsigned i = 0; i < 4; i++)
        reply_field(m->rep, 0, (enum vmcs_field)(VMCS_GUEST_PDPTE0 + i), pdpte[i]);
    return GROUP_PDPTE;
}

static void copy_fields(struct reply *rep, const uint64_t *l1, enum vmcs_field first, enum vmcs_field last)
{
    memcpy(&rep->field[0][first], &l1[first], (size_t)(last - first + 1) * sizeof(l1[0]));
}

// What bank 0 of each reply slot still holds of an earlier exit: a state that was prepared, all but EFER, PAT and PDPTEs that it doesn't load, and RIP's
// group, which the ends of instructions use as well.
static uint64_t held[CPU_MAX][RING_SLOTS];

static void fill_bank(struct message *m, const struct vmcs02 *vmcs02)
{
    uint64_t *holds = &held[rt_cpu() % CPU_MAX][ring_slot(m->req->sequence)];
    reply_field(m->rep, 0, VMCS_GUEST_RIP, vmcs02->l1[VMCS_GUEST_RIP]);
    reply_field(m->rep, 0, VMCS_GUEST_RSP, vmcs02->l1[VMCS_GUEST_RSP]);
    reply_field(m->rep, 0, VMCS_GUEST_RFLAGS, vmcs02->l1[VMCS_GUEST_RFLAGS]);
    if (*holds == vmcs02->l1_version)
        return;
    *holds = 0;
    copy_fields(m->rep, vmcs02->l1, VMCS_GUEST_ES_SELECTOR, VMCS_GUEST_TR_SELECTOR);
    copy_fields(m->rep, vmcs02->l1, VMCS_GUEST_DEBUGCTL, VMCS_GUEST_EFER);
    copy_fields(m->rep, vmcs02->l1, VMCS_GUEST_ES_LIMIT, VMCS_GUEST_SYSENTER_CS);
    copy_fields(m->rep, vmcs02->l1, VMCS_GUEST_CR0, VMCS_GUEST_SYSENTER_EIP);
    *holds = vmcs02->l1_version;
}

// What VMCS01 holds while an L2 runs on the CPU. Zero (after a reload, too): nothing is known.
static struct known {
    bool noted;
    bool null_made;     // the data segments became null by an exit since VMXON...
    bool null_now;      // ...and their selectors still are: IA-32e mode, which can't be left, has no other null segments
    uint64_t blocking;  // interruptibility
} known[CPU_MAX];

static struct known *known_self(void) { return &known[rt_cpu() % CPU_MAX]; }

void l1_state_forget(void) { *known_self() = (struct known){ 0 }; }

void l1_state_note(const struct message *m)
{
    struct known *k = known_self();
    k->noted = true;
    k->blocking = exit_field(m, VMCS_GUEST_INTERRUPTIBILITY);
    k->null_now = k->null_made && (exit_field(m, VMCS_GUEST_ES_SELECTOR) | exit_field(m, VMCS_GUEST_DS_SELECTOR) |
                                   exit_field(m, VMCS_GUEST_FS_SELECTOR) | exit_field(m, VMCS_GUEST_GS_SELECTOR) |
                                   exit_field(m, VMCS_GUEST_LDTR_SELECTOR)) == 0;
}

// Of the groups that a VM exit loads, those that VMCS01 may not hold already. L1 was active when it executed its instruction.
static uint64_t groups_to_write(struct message *m, const struct vmcs02 *vmcs02, bool nmi_blocked)
{
    struct known *k = known_self();
    const uint64_t blocking = nmi_blocked ? BLOCKING_BY_NMI : 0;
    uint64_t groups = vmcs02->l1_groups;

    if (vmcs02->l1_null && k->null_now)
        groups &= ~(GROUP_DATA_SEL | GROUP_DATA_SEG);
    k->null_made = vmcs02->l1_null;
    if (!k->noted || k->blocking != blocking) {
        reply_field(m->rep, 0, VMCS_GUEST_INTERRUPTIBILITY, blocking);
        groups |= GROUP_BLOCKING;
    }
    k->noted = k->null_now = false;
    return groups;
}

bool l1_state_load(struct message *m, const struct vmcs12 *v, bool nmi_blocked, bool loaded)
{
    struct vmcs02 *vmcs02 = vmcs02_of(v);

    if (!vmcs02->l1_ready)
        prepare(vmcs02, v);
    fill_bank(m, vmcs02);
    bool valid = true;
    uint64_t groups = groups_to_write(m, vmcs02, nmi_blocked) | pdptes(m, v, &valid);
    if (loaded)
        groups |= carry(m, v, vmcs02);
    reply_op(m->rep, OP_WRITE_GROUPS, VMCS_HANDLE_01, 0, groups, 0);
    if (!valid)
        l1_state_abort(m, v, ABORT_PDPTE);
    return valid;
}

void l1_state_abort(struct message *m, const struct vmcs12 *v, enum vmx_abort indicator)
{
    rt_log(LOG_ERROR, "VMX abort %u: L1 shuts down", indicator);
    guest_write32((gpa1_t){ v->region + offsetof(struct vmcs12_region, abort) }, indicator);
    reply_write(m->rep, VMCS_HANDLE_01, VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN);
}
