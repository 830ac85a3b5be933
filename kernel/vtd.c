// SPDX-License-Identifier: BSD-2-Clause
// VT-d units, as far as they change once the loader has set them up: translation turned on, IOTLBs emptied.
#include "vtd.h"

#include "boot_info.h"
#include "panic.h"
#include "spinlock.h"

bool vtd_start(void)
{
    vtd_forget();
    for (unsigned i = 0; i < boot_info->vtd_count; i++) {
        volatile uint32_t *command = boot_info->vtd[i].command, *status = command + 1;
        *command = (*status & VTD_LASTING) | VTD_TRANSLATION;
        for (unsigned looks = 0; !(*status & VTD_TRANSLATION); looks++)
            if (looks == VTD_LOOKS)
                return false;
    }
    return true;
}

// By the registers (VT-d 6.5.1.2 "IOTLB Invalidate"), one request to a unit at a time. All units work at once.
void vtd_forget(void)
{
    static struct spinlock lock;
    spinlock_acquire(&lock);
    for (unsigned i = 0; i < boot_info->vtd_count; i++)
        *boot_info->vtd[i].iotlb = VTD_IOTLB_GLOBAL;
    for (unsigned i = 0; i < boot_info->vtd_count; i++)
        for (unsigned looks = 0; *boot_info->vtd[i].iotlb & VTD_IOTLB_BUSY; looks++)
            if (looks == VTD_LOOKS)
                panic("the VT-d unit at 0x%lx does not invalidate", boot_info->vtd[i].base);
    spinlock_release(&lock);
}
