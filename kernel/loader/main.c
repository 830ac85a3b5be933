// SPDX-License-Identifier: BSD-2-Clause
// bulkhead.efi: loads Bulkhead below the running firmware, then starts the next image. docs/boot.md tells the story.
#include <caps/layout.h>

#include "conf.h"
#include "console.h"
#include "controls.h"
#include "counter.h"
#include "cpu_block.h"
#include "cpus.h"
#include "cr.h"
#include "debug.h"
#include "dma.h"
#include "fadt.h"
#include "fields.h"
#include "file.h"
#include "firmware.h"
#include "hide.h"
#include "launch.h"
#include "load.h"
#include "loadable.h"
#include "machine.h"
#include "measure.h"
#include "memory.h"
#include "next.h"
#include "overwrite.h"
#include "partitions.h"
#include "policy.h"
#include "records.h"
#include "remains.h"
#include "space.h"
#include "text.h"
#include "vtx.h"
#include "watch.h"

#define CONF_FILE "\\EFI\\bulkhead\\bulkhead.conf"

struct firmware firmware;
static struct crash_record previous;  // all 0 where there was no crash

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
// What the start code of newer gnu-efi calls.
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

static EFI_STATUS firmware_start(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    static EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    firmware.self = self;
    firmware.system = system;
    firmware.boot = system->BootServices;
    EFI_STATUS status = firmware.boot->HandleProtocol(self, &guid, (void **)&firmware.image);
    if (!EFI_ERROR(status))
        firmware.device = firmware.image->DeviceHandle;
    return status;
}

// Reads the configuration and chooses the workload: NULL if there is none that names a next image. usable: without errors. Prints the line where not.
static const struct conf_workload *configure(struct conf *conf, bool *usable)
{
    char error[CONF_ERROR_TEXT];
    struct file file;
    *usable = false;
    // One byte more than allowed, so that conf_parse is the one to complain.
    if (!file_read(&file, CONF_FILE, CONF_BYTES + 1))
        return NULL;
    measure("bulkhead.conf", file.data, file.bytes);
    bool parsed = conf_parse(conf, file.data, file.bytes, error);
    if (!parsed)
        console_line("%s", error);
    const struct conf_workload *workload = conf_choose(conf, firmware.image->LoadOptions, firmware.image->LoadOptionsSize, error);
    if (parsed && !workload)
        console_line("%s", error);
    file_free(&file);
    if (workload)
        measure("workload", workload->name, text_length(workload->name));
    *usable = parsed && workload;
    return workload && workload->next[0] ? workload : NULL;
}

static void EFIAPI facts_read(void *facts) { vtx_read(facts); }

// Asks every CPU whether it can run Bulkhead, before anything is changed on any. first: what the first one has. no_execute: they all have EFER.NXE on.
static bool check_cpus(const struct cpus *cpus, struct vtx_facts *first, bool *no_execute)
{
    static struct vtx_facts facts;
    char why[VTX_WHY];
    *no_execute = true;
    for (uint32_t cpu = 0; cpu < cpus->count; cpu++) {
        struct vtx_facts *here = cpu ? &facts : first;
        if (!cpus_run(cpus, cpu, facts_read, here)) {
            console_line("CPU %u: the firmware could not run it", cpu);
            return false;
        }
        if (vtx_missing(here, first, why)) {
            if (cpu)
                console_line("CPU %u: %s", cpu, why);
            else
                console_line("%s", why);
            return false;
        }
        *no_execute = *no_execute && here->no_execute_on;
    }
    return true;
}

// A single CPU has no other that would end a message without a reply.
static uint64_t find_counter(uint64_t ticks, uint32_t cpu_count)
{
    const struct cpuid leaf = cpuid(CPUID_COUNTERS);
    const uint64_t start = cpu_count == 1 && cpuid(0).eax >= CPUID_COUNTERS ? counter_start(&leaf, ticks) : 0;
    return start != 0 && counter_works(start, ticks) ? start : 0;
}

static const char *watchdog_text(const struct boot_info *info)
{
    return info->watchdog_ticks == 0 ? ", watchdog off" : info->cpu_count > 1 ? "" : info->watchdog_counter != 0 ? ", a counter as watchdog" : ", without a watchdog";
}

// What the configuration and the machine say.
static bool fill_info(struct boot_info *info, const struct launch *launch, const struct conf *conf, const struct conf_workload *workload,
                      const struct vtx_facts *facts, uint64_t *boot_time)
{
    info->crash_generation = previous.generation + 1;
    firmware.boot->CopyMem((void *)(UINTN)info->crash_base, &previous, sizeof(previous));
    info->panic_resets = conf->panic_resets;
    info->console = workload->nested ? CONSOLE_COM1 : conf->console;  // the outer Bulkhead's log is apart
    info->log_level = conf->log_level;
    info->watchdog_ticks = workload->debug ? 0 : conf->watchdog;  // whom gdb keeps waiting isn't at fault
    for (unsigned i = 0; i < workload->inject_count; i++)
        info->inject[workload->inject[i].partition] = workload->inject[i].faults;
    for (unsigned i = 0; i < workload->partition_count; i++)
        info->inject[i].on_request = workload->injectable >> i & 1;
    info->debug = workload->debug;
    info->loadable = workload->loadable;
    loadables_make(&info->loadables, conf, workload);
    info->cpu_count = launch->cpus->count;
    info->watchdog_counter = find_counter(info->watchdog_ticks, info->cpu_count);
    controls_make(&info->vmx, facts);
    controls_tell(&info->info, &info->vmx, facts, info->cpu_count);
    if (!machine_describe(info, boot_time))
        return false;
    const struct boot_range *last = &info->range[info->range_count - 1];
    if (last->kind == RANGE_RAM && last->base + last->bytes > WINDOW_BYTES)
        console_line("memory from 0x%llx on is beyond what partitions see", (unsigned long long)WINDOW_BYTES);
    return true;
}

// Kernel, partitions, and what both begin with.
static bool build(struct launch *launch, struct memory *memory, const struct conf_workload *workload, const struct load *load, bool no_execute,
                  uint64_t boot_time)
{
    struct boot_info *info = launch->info;
    bool done = load_place(load, memory, info) && cpu_blocks_make(info, memory, launch->cpus->apic_id) &&
                records_make(info, memory, workload->name, boot_time) && launch_prepare(launch, memory, &load->kernel, no_execute) &&
                window_make(info, memory) && watch_make(info, memory, fadt_read(machine_acpi(info), info->rsdp));
    for (uint32_t i = 0; done && i < info->partition_count; i++)
        done = space_make(info, memory, i);
    done = done && space_show_rings(info, memory);
    info->decoys = done ? memory_take(memory, BOOT_DECOYS * PAGE_BYTES) : 0;
    done = info->decoys != 0;
    if (done)
        memory_fill((void *)(UINTN)info->decoys, 0xff, BOOT_DECOYS * PAGE_BYTES);
    for (uint32_t i = 0; i < info->partition_count && (info->watchdog_ticks == 0 || (info->cpu_count < 2 && info->watchdog_counter == 0)); i++)
        info->partition[i].header.hang = 0;  // nobody would end it
    if (done && info->debug)
        done = space_show(info, memory, info->debug - 1, info->debugger);
    done = done && partitions_make(info, memory);
    if (done)
        measure_give(info);
    policy_make(&info->policy, &info->vmx);
    hide_make(info->cpuid, info);
    fields_host(&info->host, info);
    fields_vmcs02(&info->vmcs02, &info->vmx);
    fields_init(&info->after_init, &info->vmx);
    info->hidden_base = memory->base;
    info->hidden_bytes = memory->bytes;
    info->free_base = memory->base + memory->used;
    info->free_bytes = memory->bytes - memory->used - memory->top;
    if (done)
        records_free(info);
    return done;
}

// Whether partitions leave L0 the ports that are its own.
static bool check_ports(const struct boot_info *info)
{
    uint32_t which;
    uint16_t port;
    if (!watch_conflict(info, &which, &port))
        return true;
    console_line("partition %s: it claims port 0x%x of L2s, which L0 watches itself", info->partition[which].header.name, port);
    return false;
}

// Fills hidden memory.
static bool furnish(struct launch *launch, struct memory *memory, const struct conf *conf, const struct conf_workload *workload,
                    const struct load *load, const struct vtx_facts *facts, bool no_execute)
{
    uint64_t boot_time;
    const uint64_t crash_base = memory_take(memory, MEMORY_CRASH_BYTES);
    struct boot_info *info = (struct boot_info *)(UINTN)memory_take(memory, sizeof(struct boot_info));
    const uint64_t ept01 = info ? memory_take(memory, PAGE_BYTES) : 0;
    if (ept01) {
        launch->info = info;
        info->ept01 = ept01;
        info->crash_base = crash_base;
        if (!fill_info(info, launch, conf, workload, facts, &boot_time))
            return false;
        if (!dma_prepare(info, memory, conf->dma))
            return false;
        if (build(launch, memory, workload, load, no_execute, boot_time))
            return check_ports(info);
    }
    console_line("memory = %lluM is too little for the kernel and the partitions of [workload %s]", (unsigned long long)(conf->memory >> 20),
                 workload->name);
    return false;
}

// Launches all CPUs. Returns how many are L1 now; 0: not even the first.
static uint32_t launch_all(struct launch *launch, bool require)
{
    const struct cpus *cpus = launch->cpus;
    if (!launch_cpu(launch, 0)) {
        console_line("the kernel does not start: %s", launch->error);
        return 0;
    }
    uint32_t launched = 1;
    for (uint32_t cpu = 1; cpu < cpus->count; cpu++) {
        if (launch_cpu(launch, cpu))
            launched++;
        else
            console_line("CPU %u RUNS UNPROTECTED: %s", cpu, launch->error);
    }
    if (launched < cpus->count && require)
        cpu_halt();
    return launched;
}

// What the machine must have.
static bool take_machine(struct cpus *cpus, struct vtx_facts *facts, bool *no_execute, struct memory *memory, const struct conf *conf,
                         const struct conf_workload *workload)
{
    if (!check_cpus(cpus, facts, no_execute))
        return false;
    if (workload->debug && !debug_port_start()) {
        console_line("debug: there is no COM2 for gdb");
        return false;
    }
    if (!memory_reserve(memory, conf->memory)) {
        console_line("too little memory: no %llu MiB in one piece", (unsigned long long)(conf->memory >> 20));
        return false;
    }
    return true;
}

static bool start(const struct conf *conf, const struct conf_workload *workload)
{
    static struct cpus cpus;
    static struct load load;
    static struct launch launch;
    static struct vtx_facts facts;
    struct memory memory;
    bool no_execute;
    if (!cpus_find(&cpus) || !load_read(&load, workload))
        return false;
    overwrite_request(&load);
    measure_seeds(&load);
    if (!take_machine(&cpus, &facts, &no_execute, &memory, conf, workload)) {
        load_free(&load);
        return false;
    }
    launch.cpus = &cpus;
    bool ready = furnish(&launch, &memory, conf, workload, &load, &facts, no_execute);
    const char *watchdog = ready ? watchdog_text(launch.info) : "";  // the kernel's memory is hidden soon
    uint32_t launched = ready ? launch_all(&launch, conf->require) : 0;
    if (!launched) {
        dma_stop();
        memory_release(&memory);
        load_free(&load);
        return false;
    }
    // The files stay where they are: loader data, which is the OS' in a moment. Some firmware fills with a pattern what it gets back.
    dma_hide();
    if (!vtx_on_bulkhead()) {
        console_line("launched, but CPUID does not show it");
        return false;
    }
    console_line("running on %u CPUs, %llu KiB hidden at 0x%llx%s", launched, (unsigned long long)(memory.bytes >> 10),
                 (unsigned long long)memory.base, watchdog);
    return true;
}

static EFI_STATUS run(void)
{
    static struct conf conf;
    bool usable, halts = false;
    measure_start();
    const struct conf_workload *workload = configure(&conf, &usable);
    if (vtx_on_bulkhead() && !(workload && workload->nested))
        console_line("is running already");
    else {
        remains_take(&previous);
        halts = (!usable || !start(&conf, workload)) && conf.require;
    }
    measure_forget();  // also where it ends here: a reset leaves RAM as it is
    measure_close();
    if (halts)
        cpu_halt();
    return workload ? next_start(workload->next, workload->options) : EFI_LOAD_ERROR;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    EFI_STATUS status = firmware_start(self, system);
    if (!EFI_ERROR(status))
        status = run();
    // Not by returning: gnu-efi's start code doesn't keep RSI and RDI, which the firmware's calling convention wants back.
    firmware.boot->Exit(self, status, 0, NULL);
    return status;
}
