// SPDX-License-Identifier: BSD-2-Clause
// Boot: what all CPUs share, then each CPU into VMX operation and L1 on it.
#include "boot.h"

#include "cr.h"
#include "crash.h"
#include "descriptor_insn.h"
#include "ept01.h"
#include "exit.h"
#include "log.h"
#include "memory.h"
#include "mtrr.h"
#include "msr.h"
#include "partition.h"
#include "pool.h"
#include "shootdown.h"
#include "trap.h"
#include "upcall.h"
#include "vmcs.h"
#include "vmcs01.h"
#include "vmx_caps.h"
#include "vtd.h"

struct cpu *cpu_table[CPU_MAX];
uint32_t cpu_count;
struct records_own *records;
static struct vmx_caps caps;
const struct vmx_caps *vmx_caps = &caps;

static struct boot_info *boot;
const struct boot_info *boot_info;
static uint32_t launched_count;

uint32_t cpu_index(void) { return cpu_self()->index; }

static enum status make_shared(struct boot_info *info)
{
    boot_info = boot = info;
    records = hidden_va((hpa_t){ info->records });
    crash_init(info);
    memory_copy(&caps, &info->vmx, sizeof(caps));
    for (; cpu_count < info->cpu_count; cpu_count++)
        cpu_table[cpu_count] = hidden_va((hpa_t){ info->cpu_blocks + cpu_count * (uint64_t)CPU_BLOCK_BYTES });
    mtrr_read();
    TRY(ept01_init(info));
    trap_init();
    return STATUS_OK;
}

static void start_partitions(struct cpu *cpu)
{
    if (partitions_load(boot) != STATUS_OK)
        boot_fail(cpu, "hidden memory is too small for the partitions");
    exit_routes();
    if (partitions_start(cpu) != STATUS_OK)
        boot_fail(cpu, "a partition doesn't start: the log says which and why");
}

static void log_launched(void)
{
    if (cpu_self()->index == 0 && boot->vtd_count == 0)
        log_line(LOG_WARN, "DMA: nothing keeps devices out of hidden memory and PALs");
    if (__atomic_add_fetch(&launched_count, 1, __ATOMIC_SEQ_CST) == cpu_count)
        log_line(LOG_INFO, "stage launched cpus=%u hidden=0x%lx-0x%lx", cpu_count, boot->hidden_base, boot->hidden_base + boot->hidden_bytes);
}

void boot_fail(struct cpu *cpu, const char *why)
{
    log_line(LOG_ERROR, "CPU %u can't be launched: %s", cpu->index, why);
    boot->error = why;
    cpu->launched = false;
    if (cpu->vmcs_current.v) {
        vmcs_clear(cpu, cpu->vmcs01);
        insn_vmxoff();
    }
    cr4_write(cr4_read() & ~(CR4_PGE | CR4_PCIDE | CR4_VMXE));
    cr3_write(boot->loader_tables);
    ((loader_return_t *)boot->loader_return)(boot->launch[cpu->index]);
    __builtin_unreachable();
}

void kernel_entry(struct boot_info *info, uint32_t index)
{
    struct cpu *cpu = cpu_self();
    if (index == 0 && make_shared(info) != STATUS_OK)
        boot_fail(cpu, "hidden memory is too small for the kernel's tables");
    cr3_write(info->kernel_tables);
    cr4_write(vmx_caps->host_cr4);
    idt_load(trap_idt());
    msr_write(MSR_SYSENTER_EIP, (uintptr_t)sysenter_entry);
    if (!insn_vmxon(cpu->vmxon.v))
        boot_fail(cpu, "VMXON fails");
    vmcs_format(cpu, cpu->vmcs01, false);
    if (cpu->shadow.v)
        vmcs_format(cpu, cpu->shadow, true);
    vmcs_select(cpu, cpu->vmcs01);
    vmcs01_init(cpu, info->launch[index]);
    if (index == 0 && !vtd_start())  // before there is what a device must not read
        boot_fail(cpu, "a VT-d unit does not turn translation on");
    if (index == 0)
        start_partitions(cpu);
    log_launched();
    cpu->launch_tsc = tsc_read();
    __atomic_store_n(&cpu->launched, true, __ATOMIC_SEQ_CST);
    shootdown_serve(cpu);
    enter_guest(cpu);
}
