// SPDX-License-Identifier: BSD-2-Clause
// Step: one instruction of the guest under the monitor trap flag (SDM 3C 26.5.2 "Monitor Trap Flag").
#include "step.h"

#include "cpu.h"
#include "ept01.h"
#include "init_sipi.h"
#include "inject.h"
#include "log.h"
#include "shootdown.h"
#include "vmcs.h"
#include "vtd.h"

static bool before_event(void)
{
    bool window = vmcs_read(VMCS_PROC_CONTROLS) & PROC_NMI_WINDOW_EXITING && !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_NMI);
    return window || vmcs_read(VMCS_ENTRY_INTR_INFO) & EVENT_VALID || vmcs_read(VMCS_GUEST_ACTIVITY_STATE) > ACTIVITY_HLT;
}

void step_begin(struct cpu *cpu)
{
    struct step *step = &cpu->step;
    if (!cpu->stepping) {
        cpu->stepping = true;
        step->trap_was_on = vmcs_read(VMCS_PROC_CONTROLS) & PROC_MONITOR_TRAP_FLAG;
        // For an NMI or INIT it ends before the first instruction (SDM 3C 27.6.2 "Injection of Pending MTF VM Exits"). What comes before those, an event to
        // inject or an open NMI window, comes before the flag's exit as well.
        if (step->event && !before_event())
            vmcs_write(VMCS_ENTRY_INTR_INFO, EVENT_VALID | EVENT_TYPE_OTHER << 8);
        else
            vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_MONITOR_TRAP_FLAG, true);
    }
    if (step->io)
        vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_USE_IO_BITMAPS, false);
}

void step_end(struct cpu *cpu)
{
    struct step *step = &cpu->step;
    if (!step->trap_was_on)
        vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_MONITOR_TRAP_FLAG, false);
    if (step->io)
        vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_USE_IO_BITMAPS, true);
    for (unsigned i = 0; i < step->decoy_count; i++)
        if (ept01_decoy(step->decoy[i], false) != STATUS_OK)
            log_line(LOG_ERROR, "decoy of 0x%lx has gone", step->decoy[i].v);
    if (step->decoy_count) {
        shootdown();
        vtd_forget();  // devices, too, could write where the writes have gone
    }
    cpu->stepping = false;
    *step = (struct step){ .decoy_count = 0 };
}
