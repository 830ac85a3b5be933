// SPDX-License-Identifier: BSD-2-Clause
// Virtualization exceptions.

#include <caps/exit_reason.h>
#include <rt/guest.h>
#include <rt/info.h>
#include <rt/reply.h>
#include <rt/state.h>
#include <rt/walk12.h>

#include "exit.h"
#include "ve.h"
#include "vmcs02.h"
#include "wanted.h"
#include "x86.h"

#define SUPPRESS       (1ull << 63)  // in an entry of EPT12
#define BUSY           0xffffffffu

// Exit qualification of an EPT violation.
#define RIGHTS                0x78ull
#define NMI_UNBLOCKING        (1ull << 12)  // by the IRET that the access is part of; in interruption information, too
#define ASYNCHRONOUS          (1ull << 16)  // of no instruction's, nor an event's delivery

// SDM 3C table "Format of the Virtualization-Exception Information Area".
struct information {
    uint32_t reason, busy;
    uint64_t qualification, linear, physical;
    uint16_t eptp_index;
};
_Static_assert(offsetof(struct information, eptp_index) == 32, "the SDM's offset");
#define AREA(v, member) ((gpa1_t){ vmcs12_get(v, VMCS_VE_INFO_ADDR) + offsetof(struct information, member) })

// The area of that VMCS12 was found free by a message that isn't completed: that it is busy now is this message's own doing.
STATE static uint8_t taken[VMCS12_COUNT];

void ve_forget(const struct vmcs12 *v)
{
    if (taken[vmcs12_place(v)])
        state_set(&taken[vmcs12_place(v)], 0);
}

// Which entry decides, and that it says no other than the violation did (SDM 3C 26.5.7.1 "Convertible EPT Violations"). Where EPT12 allows the access by now, or
// always did and L1 lacks the page itself, L1 sees to it. Of an address that four levels can't translate no entry decides.
static bool convertible(const struct vmcs12 *v, gpa2_t address, uint64_t qualification)
{
    const struct ept12_cpu cpu = ept12_cpu(info);
    const struct walk12 walk = walk12(&cpu, vmcs02_tag(v), address, 0);
    return (walk.kind == ENTRY12_NOT_PRESENT || walk.kind == ENTRY12_LEAF) && rights12_qualification(walk.rights) == (qualification & RIGHTS) &&
           !(walk.entry & SUPPRESS) && !(address.v >> 48);
}

// The area is free, and this message's from now on. What isn't memory of L1's reads as ones: it is never free.
static bool take(const struct vmcs12 *v)
{
    uint8_t *mine = &taken[vmcs12_place(v)];
    uint32_t found = 0;

    if (*mine && guest_exchange32(AREA(v, busy), 0, BUSY, &found))
        return found == 0 || found == BUSY;
    if (!guest_read32(AREA(v, busy), &found) || found != 0)
        return false;
    state_set(mine, 1);
    state_keep();
    return guest_exchange32(AREA(v, busy), 0, BUSY, &found) && found == 0;
}

static void write_information(const struct vmcs12 *v, gpa2_t address, uint64_t linear, uint64_t qualification)
{
    const uint16_t index = (uint16_t)vmcs12_get(v, VMCS_EPTP_INDEX);
    // A page that is gone meanwhile takes no writes, as on a CPU.
    guest_write32(AREA(v, reason), EXIT_EPT_VIOLATION);
    guest_write64(AREA(v, qualification), qualification);
    guest_write64(AREA(v, linear), linear);
    guest_write64(AREA(v, physical), address.v);
    guest_copy_out(AREA(v, eptp_index), &index, sizeof(index));
}

bool ve_convert(struct message *m, struct vmcs12 *v, gpa2_t address, uint64_t linear, uint64_t qualification)
{
    message_need(m, GROUPS_CR | GROUP_VECTORING);
    if (!(exit_field(m, VMCS_GUEST_CR0) & CR0_PE) || (exit_field(m, VMCS_IDT_VECTORING_INFO) & EVENT_VALID) || (qualification & ASYNCHRONOUS) ||
        !convertible(v, address, qualification) || !take(v)) {
        ve_forget(v);
        return false;
    }
    write_information(v, address, linear, qualification);
    if (wanted_exception(v, VECTOR_VE, 0)) {
        exit_deliver_exception(m, v, VECTOR_VE | EVENT_TYPE_EXCEPTION | EVENT_VALID | (uint32_t)(qualification & NMI_UNBLOCKING), 0, 0);
        ve_forget(v);  // behind what that keeps
        return true;
    }
    ve_forget(v);
    // What the handler's IRET restores is a fault's image, whatever exit the CPU told of. An IRET that faults has ended the blocking of NMIs: so it stays.
    reply_write(m->rep, m->handle, VMCS_GUEST_RFLAGS, exit_field(m, VMCS_GUEST_RFLAGS) | RFLAGS_RF);
    reply_exception(m->rep, m->handle, VECTOR_VE);
    reply_resume(m->rep);
    return true;
}
