// SPDX-License-Identifier: BSD-2-Clause
// The exit table: what the kernel itself does with each exit that no partition has claimed. Of L1, what isn't here is #UD (route_exit): VMX
// instructions without a partition that emulates VMX, VMCALL, GETSEC.
#include "exit.h"

#include "inject.h"
#include "log.h"
#include "msr.h"
#include "panic.h"
#include "power.h"
#include "tlb_insn.h"
#include "vmcs.h"

// Hardware task switches: their TSSs lie in L1's memory, which L0 doesn't touch.
static void refuse_task_switch(struct cpu *cpu)
{
    log_line(LOG_WARN, "L%u switches tasks in hardware at rip=0x%lx: refused", cpu->level + 1u, cpu->rip);
    inject_gp(cpu, (uint32_t)vmcs_read(VMCS_EXIT_QUALIFICATION) & 0xfff8);
}

// INVD would throw away what L0 has in the caches.
static void invd(struct cpu *cpu)
{
    insn_wbinvd();
    advance_rip(cpu);
}

static void xsetbv(struct cpu *cpu)
{
    if (xsetbv_safe((uint32_t)cpu->gpr[GPR_RCX], (uint32_t)cpu->gpr[GPR_RAX] | cpu->gpr[GPR_RDX] << 32))
        advance_rip(cpu);
    else
        inject_gp(cpu, 0);
}

// What is pending gets injected by enter_guest(). It may have gone to L2 meanwhile: the window is closed here in any case.
static void nmi_window(struct cpu *cpu) { vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_NMI_WINDOW_EXITING, false); }

// The step has ended already.
static void monitor_trap(struct cpu *cpu) { (void)cpu; }

static void broken(struct cpu *cpu)
{
    panic("L%u: %s (0x%x), qualification 0x%lx, rip=0x%lx", cpu->level + 1u, exit_reason_name(cpu->reason & EXIT_REASON_BASIC), cpu->reason,
          vmcs_read(VMCS_EXIT_QUALIFICATION), cpu->rip);
}

static void entry_refused(struct cpu *cpu) { power_l1_lost(cpu, "exit reason", cpu->reason & EXIT_REASON_BASIC); }

kernel_handler_t *const kernel_handler[ORIGIN_COUNT][EXIT_REASON_COUNT] = {
    [ORIGIN_L1] = {
        [EXIT_EXCEPTION_OR_NMI]    = broken,  // no exception is intercepted; NMIs never get here
        [EXIT_TRIPLE_FAULT]        = power_triple_fault,
        [EXIT_INIT]                = init_exit,
        [EXIT_SIPI]                = sipi_exit,
        [EXIT_NMI_WINDOW]          = nmi_window,
        [EXIT_TASK_SWITCH]         = refuse_task_switch,
        [EXIT_CPUID]               = cpuid_exit,
        [EXIT_INVD]                = invd,
        [EXIT_CR_ACCESS]           = cr_access_exit,
        [EXIT_IO]                  = io_exit,
        [EXIT_RDMSR]               = msr_exit_read,
        [EXIT_WRMSR]               = msr_exit_write,
        [EXIT_ENTRY_GUEST_STATE]   = entry_refused,
        [EXIT_ENTRY_MSR_LOAD]      = entry_refused,
        [EXIT_MONITOR_TRAP]        = monitor_trap,
        [EXIT_ENTRY_MACHINE_CHECK] = broken,
        [EXIT_EPT_VIOLATION]       = ept01_violation,
        [EXIT_EPT_MISCONFIG]       = broken,
        [EXIT_PREEMPTION_TIMER]    = watchdog_exit,
        [EXIT_XSETBV]              = xsetbv,
    },
    // Where a partition forwards: exits that L0's own bitmaps cause, not those of the L2's hypervisor; and EPT01's.
    [ORIGIN_L2] = {
        [EXIT_IO]                  = io_exit,
        [EXIT_RDMSR]               = msr_exit_read,
        [EXIT_WRMSR]               = msr_exit_write,
        [EXIT_MONITOR_TRAP]        = monitor_trap,
        [EXIT_EPT_VIOLATION]       = ept01_violation,
        [EXIT_ENTRY_MACHINE_CHECK] = broken,
    },
};
