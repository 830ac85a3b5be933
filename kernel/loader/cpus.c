// SPDX-License-Identifier: BSD-2-Clause
// Finds and uses the CPUs by EFI_MP_SERVICES_PROTOCOL.
#include "cpus.h"

#include "console.h"
#include "cpuid.h"

#define TIMEOUT_MICROSECONDS 30000000u

static bool add(struct cpus *cpus, UINTN number, uint32_t apic_id)
{
    if (cpus->count == CPU_MAX) {
        console_line("this machine has more than %u CPUs", CPU_MAX);
        return false;
    }
    cpus->apic_id[cpus->count] = apic_id;
    cpus->number[cpus->count++] = number;
    return true;
}

bool cpus_find(struct cpus *cpus)
{
    static EFI_GUID guid = MP_SERVICES_GUID;
    UINTN all, enabled, me;
    cpus->count = 0;
    if (EFI_ERROR(firmware.boot->LocateProtocol(&guid, NULL, (void **)&cpus->mp))) {
        cpus->mp = NULL;
        return add(cpus, 0, cpuid(1).ebx >> 24);
    }
    if (EFI_ERROR(cpus->mp->count(cpus->mp, &all, &enabled)) || EFI_ERROR(cpus->mp->who_am_i(cpus->mp, &me))) {
        console_line("the firmware can't say which CPUs there are");
        return false;
    }
    // The one that runs this first, then the others in the firmware's order.
    for (UINTN i = 0; i < all + 1; i++) {
        struct mp_info info;
        UINTN number = i ? i - 1 : me;
        if (i && number == me)
            continue;
        if (EFI_ERROR(cpus->mp->info(cpus->mp, number, &info))) {
            console_line("the firmware says nothing about CPU %llu", (unsigned long long)number);
            return false;
        }
        if (info.status & MP_IS_ENABLED && !add(cpus, number, (uint32_t)info.apic_id))
            return false;
    }
    return true;
}

bool cpus_run(const struct cpus *cpus, uint32_t cpu, void (EFIAPI *procedure)(void *), void *argument)
{
    if (cpu == 0) {
        procedure(argument);
        return true;
    }
    return !EFI_ERROR(cpus->mp->start_this(cpus->mp, procedure, cpus->number[cpu], NULL, TIMEOUT_MICROSECONDS, argument, NULL));
}
