// SPDX-License-Identifier: BSD-2-Clause
// EPT violations and misconfigurations of L2: EPT02's or EPT12's?
#include "violation.h"

#include <caps/ept_map.h>
#include <caps/exit_reason.h>
#include <rt/call.h>
#include <rt/reply.h>

#include "fill.h"
#include <rt/mark12.h>
#include "tree.h"
#include <rt/walk12.h>

// Exit qualification: bits 2:0 the access, 6:3 the rights of the translation, 9 that the linear address is a user-mode one. That is advanced information,
// which L1 and L2's CPU have where L1 is offered mode-based execute control.
#define QUALIFICATION_ACCESS       0x7ull
#define QUALIFICATION_RIGHTS       0x78ull
#define QUALIFICATION_USER         0x200ull

uint64_t violation_qualification(uint64_t real, unsigned rights)
{
    return (real & ~QUALIFICATION_RIGHTS) | rights12_qualification(rights);
}

// The right that the access needs. Only fetches are told apart by mode.
static inline unsigned access_rights(uint64_t tag, uint64_t qualification)
{
    const unsigned access = qualification & QUALIFICATION_ACCESS;
    if ((tag & EPTP12_MODES) && (access & EPT_EXECUTE) && (qualification & QUALIFICATION_USER))
        return (access & ~EPT_EXECUTE) | EPT_EXECUTE_USER;
    return access;
}

// Where EPT12 has accessed and dirty flags, or two rights to execute: whether it allows the access, after its flags were set; *marked: they are.
static __attribute__((noinline)) bool allows(const struct request *req, gpa2_t address, uint64_t qualification, bool misconfig, struct walk12 *walk, bool *marked)
{
    const unsigned rights = access_rights(req->tag, qualification);
    *marked = true;
    if (walk->kind == ENTRY12_LEAF && !(rights & ~walk->rights) && !misconfig)
        *marked = mark12(&tree_cpu, req->tag, address, qualification & EPT_WRITE, walk);
    return walk->kind == ENTRY12_LEAF && !(rights & ~walk->rights);
}

void violation(const struct request *req, struct reply *rep)
{
    const uint64_t *field = req->field[0];
    const bool misconfig = (req->reason & EXIT_REASON_BASIC) == EXIT_EPT_MISCONFIG;
    const uint64_t qualification = misconfig ? 0 : field[VMCS_EXIT_QUALIFICATION];
    const unsigned access = qualification & QUALIFICATION_ACCESS;
    const gpa2_t address = { field[VMCS_GUEST_PHYSICAL_ADDR] };

    // From here on to the end of the fill: see tree.h.
    tree_enter();
    struct walk12 walk;
    enum status status = STATUS_OK;
    bool allowed, marked, settled = false;
    do {
        walk12_into(&tree_cpu, req->tag, address, 0, &walk);
        marked = true;
        allowed = walk.kind == ENTRY12_LEAF && !(access & ~walk.rights);
        if (req->tag & (EPTP12_FLAGS | EPTP12_MODES))
            allowed = allows(req, address, qualification, misconfig, &walk, &marked);
        if (!allowed || !marked || misconfig)
            break;
        if (fill_quick(req, rep, address, &walk))
            return;
        settled = tree_settle();
        if (settled)
            status = fill(req, rep, address, &walk);
    } while (!settled);
    tree_leave();

    const uint64_t linear = field[VMCS_GUEST_LINEAR_ADDR];
    if (walk.kind == ENTRY12_MISCONFIG) {
        // The qualification is 0 for every exit that doesn't define one.
        reply_forward(rep, EXIT_EPT_MISCONFIG, 0, linear, address.v);
        return;
    }
    if (!allowed) {
        reply_forward(rep, EXIT_EPT_VIOLATION, violation_qualification(qualification, walk.rights), linear, address.v);
        return;
    }
    if (!marked && (req->tag & EPTP12_LOGS)) {
        reply_forward(rep, EXIT_PML_FULL, qualification, linear, address.v);
        return;
    }
    if (misconfig)
        rt_panic("EPT02 is misconfigured");  // the kernel wrote it: no guest can bring that about
    if (status == STATUS_BAD_ADDRESS) {
        // L1 gave L2 a page that L1 itself doesn't have. L1 hears of it as of a page that EPT12 doesn't hold.
        rt_log(LOG_WARN, "EPT12 %lx maps %lx to what L1 doesn't have", req->tag, address.v);
        reply_forward(rep, EXIT_EPT_VIOLATION, violation_qualification(qualification, 0), linear, address.v);
        return;
    }
    if (status != STATUS_OK && status != STATUS_BUSY)
        rt_panic("no room to map one page");
    reply_resume(rep);   // BUSY, or L1 changes the entries all the time: L2 meets the violation again
}
