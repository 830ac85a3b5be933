// SPDX-License-Identifier: BSD-2-Clause
// Page-modification logging.

#include <caps/ept_map.h>
#include <caps/exit_reason.h>
#include <rt/guest.h>
#include <rt/info.h>
#include <rt/mark12.h>
#include <rt/reply.h>
#include <rt/state.h>
#include <rt/walk12.h>

#include "exit.h"
#include "pml.h"
#include "vmcs02.h"

#define LOG_ENTRIES    512u
#define NMI_UNBLOCKING (1ull << 12)  // by the IRET that the access is part of

void pml_access(struct message *m, struct vmcs12 *v, gpa2_t address, uint64_t qualification)
{
    const struct ept12_cpu cpu = ept12_cpu(info);
    const uint64_t eptp12 = vmcs02_tag(v) & ~EPTP12_LOGS, index = vmcs12_get(v, VMCS_PML_INDEX);
    const bool write = qualification & EPT_WRITE;

    if (index >= LOG_ENTRIES) {
        message_need(m, EXIT_GROUPS);
        exit_deliver_cause(m, v, (struct exit_cause){ EXIT_PML_FULL, qualification & NMI_UNBLOCKING });
        return;
    }
    struct walk12 walk = walk12(&cpu, eptp12, address, 0);
    const bool allowed = walk.kind == ENTRY12_LEAF && (!write || (walk.rights & EPT_WRITE)), log = write && allowed && !(walk.entry & ENTRY12_DIRTY);
    if (log) {
        // Before the flag: a page that is dirty is never logged again, should this message be cut short. One that is logged twice does no harm.
        guest_write64((gpa1_t){ vmcs12_get(v, VMCS_PML_ADDR) + index * sizeof(address.v) }, address.v & PAGE_MASK);
        vmcs12_put(v, VMCS_PML_INDEX, (index - 1) & 0xffff);
        state_keep();
    }
    // Where L1 has changed EPT12 meanwhile, or goes on, L2 meets what there is then; nor does a page become dirty that was, and wasn't logged.
    if (allowed)
        (void)mark12(&cpu, eptp12, address, log, &walk);
    reply_resume(m->rep);
}
