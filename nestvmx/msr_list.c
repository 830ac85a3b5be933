// SPDX-License-Identifier: BSD-2-Clause
// MSR-load and MSR-store areas. MSRs that a VMCS holds are loaded and stored there, the others are the CPU's own.

#include <rt/call.h>
#include <rt/guest.h>
#include <rt/reply.h>

#include "entry_check.h"
#include "msr_list.h"
#include "region.h"
#include "x86.h"

#define LIST_MAX 512u  // IA32_VMX_MISC as L1 sees it

#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u

// An area's entry (SDM 3C 25.7.2 "VM-Exit Controls for MSRs").
struct msr_entry { uint32_t msr, reserved; uint64_t value; };

struct msr_field { uint32_t msr; enum vmcs_field field; };
static const struct msr_field in_vmcs[] = {
    { 0x174, VMCS_GUEST_SYSENTER_CS }, { 0x175, VMCS_GUEST_SYSENTER_ESP }, { 0x176, VMCS_GUEST_SYSENTER_EIP },
    { 0x1d9, VMCS_GUEST_DEBUGCTL },    { MSR_PAT, VMCS_GUEST_PAT },        { MSR_EFER, VMCS_GUEST_EFER },
    { MSR_FS_BASE, VMCS_GUEST_FS_BASE }, { MSR_GS_BASE, VMCS_GUEST_GS_BASE },
};

static const struct msr_field *field_of(uint32_t msr)
{
    for (unsigned i = 0; i < sizeof(in_vmcs) / sizeof(in_vmcs[0]); i++) {
        if (in_vmcs[i].msr == msr)
            return &in_vmcs[i];
    }
    return NULL;
}

static bool read_entry(uint64_t address, uint64_t index, struct msr_entry *entry)
{
    return guest_copy_in(entry, (gpa1_t){ address + index * sizeof(*entry) }, sizeof(*entry));
}

// IA32_EFER, as WRMSR: LMA stays as it is, and LME can't change while paging is on (SDM 3A 2.2.1 "Extended Feature Enable Register").
static bool load_efer(struct message *m, uint32_t handle, uint64_t value)
{
    if ((value & ~(EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE)) || rt_fetch(handle, GROUP_EFER | GROUPS_CR, 1) != STATUS_OK)
        return false;
    const uint64_t before = m->req->field[1][VMCS_GUEST_EFER];
    if (((value ^ before) & EFER_LME) && (m->req->field[1][VMCS_GUEST_CR0] & CR0_PG))
        return false;
    reply_write(m->rep, handle, VMCS_GUEST_EFER, (value & ~EFER_LMA) | (before & EFER_LMA));
    return true;
}

// Whether WRMSR of an MSR that a VMCS holds would take the value. EFER: load_efer.
static bool value_ok(enum vmcs_field field, uint64_t value)
{
    switch (field) {
    case VMCS_GUEST_SYSENTER_ESP:
    case VMCS_GUEST_SYSENTER_EIP: return address_canonical(value);
    case VMCS_GUEST_PAT: return pat_valid(value);
    case VMCS_GUEST_DEBUGCTL: return (value & ~(DEBUGCTL_ALL | info->debugctl_some)) == 0;
    default: return true;
    }
}

// WRMSR of one MSR for the level that VMCS handle is of.
static bool load(struct message *m, uint32_t handle, const struct msr_entry *entry)
{
    const struct msr_field *in = field_of(entry->msr);
    if (entry->msr == MSR_EFER && !load_efer(m, handle, entry->value))
        return false;
    if (entry->msr != MSR_EFER && in != NULL) {
        if (!value_ok(in->field, entry->value))
            return false;
        reply_write(m->rep, handle, in->field, entry->value);
    }
    if (in == NULL)
        reply_op(m->rep, OP_MSR_WRITE, 0, entry->msr, entry->value, 0);
    return rt_invoke() == STATUS_OK;
}

// Loads one entry. The name of the check that failed, or NULL.
static const char *load_entry(struct message *m, uint32_t handle, uint64_t address, uint64_t index)
{
    struct msr_entry entry, *e = &entry;
#define CHECK_CONTROL(...)
#define CHECK_EVENT(...)
#define CHECK_HOST(...)
#define CHECK_GUEST(...)
#define CHECK_STATE(...)
#define CHECK_MSR(check, section, condition) \
    if (!(condition))                        \
        return #check;
#include "entry_check.def"
    return NULL;
}

// Number of the entry that failed, or 0.
static uint64_t load_list(struct message *m, const struct vmcs12 *v, uint32_t handle, uint64_t address, uint64_t count)
{
    if (count == 0)
        return 0;
    // The other operations so far use the reply's banks, and must not fail with an entry.
    if (rt_invoke() != STATUS_OK)
        return 1;
    for (uint64_t index = 0; index < count; index++) {
        const char *name = load_entry(m, handle, address, index);
        if (name != NULL) {
            rt_log(LOG_DEBUG, "VM %s on VMCS12 %lx fails: %s in entry %lu", handle == VMCS_HANDLE_01 ? "exit" : "entry", v->region, name, index + 1);
            return index + 1;
        }
    }
    return 0;
}

// FS.base and GS.base are never loaded.
uint64_t msr_list_entry_groups(const struct vmcs12 *v)
{
    return vmcs12_get(v, VMCS_ENTRY_MSR_LOAD_COUNT) != 0 ? GROUP_SYSENTER | GROUP_DEBUG | GROUP_PAT | GROUP_EFER : 0;
}

uint64_t msr_list_entry_load(struct message *m, const struct vmcs12 *v)
{
    return load_list(m, v, vmcs12_handle(v), vmcs12_get(v, VMCS_ENTRY_MSR_LOAD_ADDR), vmcs12_get(v, VMCS_ENTRY_MSR_LOAD_COUNT));
}

bool msr_list_exit_load(struct message *m, const struct vmcs12 *v)
{
    return load_list(m, v, VMCS_HANDLE_01, vmcs12_get(v, VMCS_EXIT_MSR_LOAD_ADDR), vmcs12_get(v, VMCS_EXIT_MSR_LOAD_COUNT)) == 0;
}

// Reads one MSR of L2.
static bool store(struct message *m, const struct vmcs12 *v, struct msr_entry *entry)
{
    const struct msr_field *in = field_of(entry->msr);
    if (in == NULL)
        return rt_read_msr(entry->msr, &entry->value) == STATUS_OK;
    if (rt_fetch(vmcs12_handle(v), 1ull << vmcs_field_info[in->field].group, 1) != STATUS_OK)
        return false;
    entry->value = m->req->field[1][in->field];
    return true;
}

bool msr_list_exit_store(struct message *m, const struct vmcs12 *v)
{
    const uint64_t address = vmcs12_get(v, VMCS_EXIT_MSR_STORE_ADDR), count = vmcs12_get(v, VMCS_EXIT_MSR_STORE_COUNT);
    struct msr_entry entry;
    for (uint64_t i = 0; i < count; i++) {  // SDM 3C 28.4 "Saving MSRs"
        if (i >= LIST_MAX || !read_entry(address, i, &entry) || (entry.msr >> 8) == 8 || entry.reserved != 0 || !store(m, v, &entry))
            return false;
        guest_write64((gpa1_t){ address + i * sizeof(entry) + offsetof(struct msr_entry, value) }, entry.value);
    }
    return true;
}
