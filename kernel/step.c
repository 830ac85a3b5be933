// SPDX-License-Identifier: BSD-2-Clause
// Step: one instruction of the guest under the monitor trap flag (SDM 3C 26.5.2 "Monitor Trap Flag").
#include "step.h"

#include "cpu.h"
#include "ept01.h"
#include "ept02.h"
#include "init_sipi.h"
#include "inject.h"
#include "log.h"
#include "shootdown.h"
#include "vmcs.h"
#include "vmcs02.h"
#include "vtd.h"

static bool before_event(void)
{
    uint64_t blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), window = vmcs_read(VMCS_PROC_CONTROLS) & PROC_NMI_WINDOW_EXITING && !(blocking & BLOCKING_NMI);
    return window || blocking & BLOCKING_ONE || vmcs_read(VMCS_ENTRY_INTR_INFO) & EVENT_VALID || vmcs_read(VMCS_GUEST_ACTIVITY_STATE) > ACTIVITY_HLT;
}

void step_begin(struct cpu *cpu)
{
    struct step *step = &cpu->step;
    if (!cpu->stepping) {
        cpu->stepping = true;
        step->trap_was_on = vmcs_read(VMCS_PROC_CONTROLS) & PROC_MONITOR_TRAP_FLAG;
        // For an NMI or INIT it ends before the first instruction (SDM 3C 27.6.2 "Injection of Pending MTF VM Exits"). What comes before those, an event to
        // inject or an open NMI window, comes before the flag's exit as well. Nor does it end so behind STI and MOV SS: Bochs (3.0) forgets their blocking.
        // Where its hypervisor steps it the exit is that one's, too, and not to be told of a step over nothing.
        if (step->event && !step->trap_was_on && !before_event())
            vmcs_write(VMCS_ENTRY_INTR_INFO, EVENT_VALID | EVENT_TYPE_OTHER << 8);
        else
            vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_MONITOR_TRAP_FLAG, true);
    }
}

bool step_io(struct cpu *cpu, uint16_t port, uint16_t bytes)
{
    if (cpu->level == ORIGIN_L1) {
        vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_USE_IO_BITMAPS, false);
    } else if (vmcs02_ports(cpu->vmcs02, port, bytes, true)) {
        cpu->step.port = port, cpu->step.bytes = bytes;
    } else {
        (void)vmcs02_ports(cpu->vmcs02, port, bytes, false);
        return false;
    }
    step_begin(cpu);
    return true;
}

// The decoys are those of the L2's own tree, which no device has; else EPT01's.
static bool in_tree(const struct cpu *cpu) { return cpu->level == ORIGIN_L2 && cpu->vmcs02->tag != 0; }

static void decoys_open(struct cpu *cpu, bool open)
{
    cpu->step.open = open;
    for (uint64_t *page = cpu->step.decoy; page < &cpu->step.decoy[cpu->step.decoy_count]; page++)
        if (in_tree(cpu))
            (void)ept02_taken(vmcs02_root(cpu->vmcs02), (gpa2_t){ *page }, open ? TAKEN_OPEN : TAKEN_CLOSE);
        else if (ept01_decoy((gpa1_t){ *page }, open) != STATUS_OK)
            log_line(LOG_ERROR, "decoy of 0x%lx has gone", *page);
}

void step_write(struct cpu *cpu, uint64_t page)
{
    struct step *step = &cpu->step;
    uint64_t eptp = vmcs_read(VMCS_EPTP);
    if (step->rip != cpu->rip || step->eptp != eptp || step->decoy_count == STEP_DECOYS)
        step->decoy_count = 0;
    if (step->decoy_count == 0 || step->decoy[step->decoy_count - 1] != page)
        step->decoy[step->decoy_count++] = page;
    step->rip = cpu->rip;
    step->eptp = eptp;
    decoys_open(cpu, true);
    step_begin(cpu);
}

void step_end(struct cpu *cpu, bool done)
{
    struct step *step = &cpu->step;
    vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_MONITOR_TRAP_FLAG, step->trap_was_on);
    if (cpu->level == ORIGIN_L1)
        vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_USE_IO_BITMAPS, true);
    else if (step->bytes != 0)
        (void)vmcs02_ports(cpu->vmcs02, step->port, step->bytes, false);
    if (step->open) {
        decoys_open(cpu, false);
        shootdown();
        if (!in_tree(cpu))
            vtd_forget();  // devices, too, could write where the writes have gone
    }
    step->decoy_count = done ? 0 : step->decoy_count;  // the next one there has only its own
    step->bytes = 0;
    cpu->stepping = step->event = false;
}
