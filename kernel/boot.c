// SPDX-License-Identifier: BSD-2-Clause
// Boot: what all CPUs share, then each CPU into VMX operation and L1 on it.
#include "boot.h"

#include "cpuid.h"
#include "cr.h"
#include "crash.h"
#include "ept01.h"
#include "exit.h"
#include "host.h"
#include "log.h"
#include "mtrr.h"
#include "paging.h"
#include "panic.h"
#include "partition.h"
#include "pool.h"
#include "records.h"
#include "reply.h"
#include "shootdown.h"
#include "trap.h"
#include "vmcs.h"
#include "vmcs01.h"
#include "watchdog.h"
#include "vmx_caps.h"

struct cpu *cpu_table[CPU_MAX];
uint32_t cpu_count;
enum status boot_status;

// What boot_fail() needs.
static struct way_back { struct boot_info *info; uint64_t loader_rsp; struct host_saved saved; } way_back[CPU_MAX];

// entry.S
__attribute__((noreturn)) void boot_return(uint64_t status, uint64_t loader_rsp);

static uint32_t boot_index;     // of the CPU on the boot stack
static uint32_t launched_count;

uint32_t cpu_index(void)
{
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    return frame >= KERNEL_BASE ? boot_index : cpu_self()->index;
}

// The one line that the loader shows.
static enum status refuse(struct boot_info *info, uint32_t index, enum status status, const char *why)
{
    log_format(info->error[index], BOOT_ERROR_TEXT, "%s", why);
    log_line(LOG_ERROR, "CPU %u can't be launched: %s", index, why);
    return status;
}

static enum status make_cpu(uint32_t index)
{
    hpa_t block;
    TRY(pool_alloc(CPU_BLOCK_BYTES / PAGE_BYTES, &block));
    paging_guard((hpa_t){ block.v + CPU_IST_GUARD });
    paging_guard((hpa_t){ block.v + CPU_STACK_GUARD });
    struct cpu *cpu = hidden_va(block);
    cpu->index = index;
    cpu->level = ORIGIN_L1;
    TRY(pool_alloc(1, &cpu->vmxon));
    TRY(pool_alloc(1, &cpu->vmcs01));
    if (vmx_caps->shadowing)
        TRY(pool_alloc(1, &cpu->shadow));
    TRY(batch_init(cpu));
    descriptor_init(cpu);
    records.machine.cpu_base[index] = hidden_hpa(&cpu->records).v;
    cpu_table[index] = cpu;
    return STATUS_OK;
}

static enum status make_shared(struct boot_info *info)
{
    records_init(info);
    log_init(info);
    crash_init(info);
    panic_init(info);
    vmx_caps_init(info);
    TRY(pool_init(info));
    paging_init(info);
    for (; cpu_count < info->cpu_count; cpu_count++)
        TRY(make_cpu(cpu_count));
    mtrr_read();
    TRY(ept01_init(info));
    TRY(vmcs01_bitmaps_init());
    watchdog_init(info->watchdog_ticks);
    trap_init();
    return STATUS_OK;
}

static bool info_is_ours(const struct boot_info *info)
{
    return info->magic == BOOT_MAGIC && info->abi == BOOT_ABI && info->bytes == sizeof(*info) && info->cpu_count >= 1 &&
           info->cpu_count <= CPU_MAX && info->range_count <= BOOT_RANGES && info->partition_count <= BOOT_PARTITIONS;
}

struct cpu *boot_prepare(struct boot_info *info, uint32_t index)
{
    boot_status = STATUS_BAD_IMAGE;
    if (!info_is_ours(info) || index >= info->cpu_count || (index != 0) != (cpu_count != 0))
        return NULL;
    boot_index = index;
    boot_status = index == 0 ? make_shared(info) : STATUS_OK;
    if (boot_status != STATUS_OK) {
        refuse(info, index, boot_status, "hidden memory is too small for the kernel's tables");
        return NULL;
    }
    cpu_table[index]->apic_id = info->launch[index].apic_id;
    return cpu_table[index];
}

static enum status start_partitions(struct boot_info *info, struct cpu *cpu)
{
    if (partitions_load(info) != STATUS_OK)
        return refuse(info, cpu->index, STATUS_NO_MEMORY, "hidden memory is too small for the partitions");
    vmcs01_watch_ports(info);
    cpuid_init();
    exit_init();
    if (partitions_start(cpu) != STATUS_OK)
        return refuse(info, cpu->index, STATUS_FAULTED, "a partition doesn't start: the log says which and why");
    return STATUS_OK;
}

static void log_launched(const struct boot_info *info)
{
    if (__atomic_add_fetch(&launched_count, 1, __ATOMIC_SEQ_CST) == info->cpu_count)
        log_line(LOG_INFO, "stage launched cpus=%u hidden=0x%lx-0x%lx", cpu_count, hidden_base.v, hidden_base.v + hidden_bytes);
}

void boot_fail(struct cpu *cpu, enum status status)
{
    struct way_back *back = &way_back[cpu->index];
    cpu->launched = false;
    vmcs_clear(cpu, cpu->vmcs01);
    insn_vmxoff();
    host_leave(&back->info->launch[cpu->index], &back->saved);
    boot_return(status, back->loader_rsp);
}

void boot_entry_failed(struct cpu *cpu)
{
    boot_fail(cpu, refuse(way_back[cpu->index].info, cpu->index, STATUS_UNSUPPORTED, "the CPU refuses the first VM entry: the log says why"));
}

void boot_launch(struct cpu *cpu, struct boot_info *info, uint64_t loader_rsp)
{
    struct way_back *back = &way_back[cpu->index];
    back->info = info;
    back->loader_rsp = loader_rsp;
    const struct launch_state *launch = &info->launch[cpu->index];
    host_enter(cpu, &back->saved);
    *(uint32_t *)hidden_va(cpu->vmxon) = vmx_caps->revision;
    vmx_enable();
    if (!insn_vmxon(cpu->vmxon.v)) {
        host_leave(launch, &back->saved);
        boot_return(refuse(info, cpu->index, STATUS_UNSUPPORTED, "VMXON fails"), loader_rsp);
    }
    vmcs_format(cpu, cpu->vmcs01, false);
    if (cpu->shadow.v)
        vmcs_format(cpu, cpu->shadow, true);
    vmcs_make_current(cpu, cpu->vmcs01);
    vmcs01_init(cpu, launch, &back->saved.registers);
    enum status status = cpu->index == 0 ? start_partitions(info, cpu) : STATUS_OK;
    if (status != STATUS_OK)
        boot_fail(cpu, status);
    log_launched(info);
    info->launched[cpu->index] = 1;
    cpu->launch_tsc = tsc_read();
    __atomic_store_n(&cpu->launched, true, __ATOMIC_SEQ_CST);
    shootdown_serve(cpu);
    enter_guest(cpu);
}
