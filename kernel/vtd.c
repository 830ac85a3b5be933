// SPDX-License-Identifier: BSD-2-Clause
// VT-d units, as far as they change once the loader has set them up: translation turned on, IOTLBs emptied.
#include "vtd.h"

#include "boot_info.h"
#include "panic.h"
#include "spinlock.h"

// By the registers (VT-d 6.5.1.2 "IOTLB Invalidate"), one request to a unit at a time. All units work at once. Returns one that doesn't do it; NULL: all have.
static const struct boot_vtd *invalidate(void)
{
    for (unsigned i = 0; i < boot_info->vtd_count; i++)
        *boot_info->vtd[i].iotlb = VTD_IOTLB_GLOBAL;
    for (unsigned i = 0; i < boot_info->vtd_count; i++) {
        unsigned looks = 0;
        while (*boot_info->vtd[i].iotlb & VTD_IOTLB_BUSY && looks < VTD_LOOKS)
            looks++;
        const uint64_t ends = *boot_info->vtd[i].iotlb;
        if (ends & VTD_IOTLB_BUSY || !(ends & VTD_IOTLB_DONE))
            return &boot_info->vtd[i];
    }
    return NULL;
}

bool vtd_start(void)
{
    if (invalidate() != NULL)
        return false;
    for (unsigned i = 0; i < boot_info->vtd_count; i++) {
        volatile uint32_t *command = boot_info->vtd[i].command, *status = command + 1;
        *command = (*status & VTD_LASTING) | VTD_TRANSLATION;
        for (unsigned looks = 0; !(*status & VTD_TRANSLATION); looks++)
            if (looks == VTD_LOOKS)
                return false;
    }
    return true;
}

void vtd_forget(void)
{
    static struct spinlock lock;
    if (boot_info->vtd_count == 0)
        return;
    spinlock_acquire(&lock);
    const struct boot_vtd *wrong = invalidate();
    if (wrong != NULL)
        panic("the VT-d unit at 0x%lx does not invalidate", wrong->base);
    spinlock_release(&lock);
}
