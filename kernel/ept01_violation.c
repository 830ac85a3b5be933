// SPDX-License-Identifier: BSD-2-Clause
// EPT violations on EPT01, of L1 and of L2s that run on it: MMIO that isn't mapped yet, and hidden memory, which reads as ones and takes no writes. Of L2s that
// have a tree of their own: writes to pages that were taken, where they may vanish.
#include "exit.h"

#include "ept01.h"
#include "inject.h"
#include "log.h"
#include "pool.h"
#include "step.h"
#include "vmcs.h"
#include "vmcs02.h"

#define QUALIFICATION_WRITE 2u
#define QUALIFICATION_FETCH 4u
#define LOGGED_MAX 32u   // accesses that are logged, of all CPUs; later ones are only counted

static void log_access(struct cpu *cpu, uint64_t address, bool write, bool taken)
{
    static uint32_t count;
    uint32_t n = __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
    if (n < LOGGED_MAX || !(n & (n - 1)))
        log_line(LOG_WARN, "%s memory: L%u %s 0x%lx at rip=0x%lx (%u accesses)", taken ? "taken" : "hidden", cpu->level + 1u, write ? "writes" : "reads", address,
                 cpu->rip, n + 1);
}

void ept01_violation(struct cpu *cpu)
{
    gpa1_t address = { vmcs_read(VMCS_GUEST_PHYSICAL_ADDR) }, page = { address.v & PAGE_MASK };
    uint64_t qualification = vmcs_read(VMCS_EXIT_QUALIFICATION);
    bool write = qualification & QUALIFICATION_WRITE, tree = cpu->level == ORIGIN_L2 && cpu->vmcs02->tag != 0, taken = tree || ept01_owner(page) != 0;
    enum status status;
    if (taken && qualification & QUALIFICATION_FETCH) {
        status = STATUS_DENIED;
    } else if (taken || hidden_overlaps((hpa_t){ page.v }, PAGE_BYTES)) {
        log_access(cpu, address.v, write, taken);
        status = tree ? STATUS_OK : ept01_decoy(page, false);
        if (write && status == STATUS_OK)
            step_write(cpu, page.v);
    } else {
        struct ept01_leaf leaf;
        status = ept01_lookup(address, &leaf);
    }
    if (status == STATUS_OK) {
        event_reinject(cpu);
        return;
    }
    log_line(LOG_WARN, "L%u touches 0x%lx: %s", cpu->level + 1u, address.v, status_text(status));
    inject_gp(cpu, 0);
}
