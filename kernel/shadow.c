// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE bitmaps, and the switch.

#include "shadow.h"

#include "memory.h"
#include "pool.h"

static hpa_t vmread_bitmap, vmwrite_bitmap;

// One bit for each encoding, 0: no exit (SDM 3C 25.6.15 "VMCS Shadowing Bitmap Addresses"). The upper halves of 64-bit fields exit.
static void clear_bit(hpa_t bitmap, unsigned encoding)
{
    uint8_t *bytes = hidden_va(bitmap);
    bytes[encoding / 8] &= (uint8_t)~(1u << (encoding % 8));
}

enum status shadow_init(void)
{
    if (!vmx_caps->shadowing)
        return STATUS_OK;
    TRY(pool_alloc(1, &vmread_bitmap));
    TRY(pool_alloc(1, &vmwrite_bitmap));
    memory_fill(hidden_va(vmread_bitmap), 0xff, PAGE_BYTES);
    memory_fill(hidden_va(vmwrite_bitmap), 0xff, PAGE_BYTES);
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
        const struct vmcs_field_info *info = &vmcs_field_info[i];
        if (!vmcs_field_exists((enum vmcs_field)i) || group_shadow[info->group] == SHADOW_NONE)
            continue;
        clear_bit(vmread_bitmap, info->encoding);
        if (group_shadow[info->group] == SHADOW_WRITE)
            clear_bit(vmwrite_bitmap, info->encoding);
    }
    return STATUS_OK;
}

bool shadow_supported(const struct cpu *cpu)
{
    return vmx_caps->shadowing && vmx_caps->write_any_field && cpu->shadow.v != 0;
}

void shadow_set(struct cpu *cpu, bool on)
{
    if (cpu->shadowing == on)
        return;
    cpu->shadowing = on;
    vmcs_select(cpu, cpu->vmcs01);
    uint64_t controls = vmcs_read(VMCS_PROC_CONTROLS2);
    vmcs_write(VMCS_PROC_CONTROLS2, on ? controls | PROC2_VMCS_SHADOWING : controls & ~(uint64_t)PROC2_VMCS_SHADOWING);
    vmcs_write(VMCS_VMCS_LINK_POINTER, on ? cpu->shadow.v : ~0ull);
    if (on) {
        vmcs_write(VMCS_VMREAD_BITMAP, vmread_bitmap.v);
        vmcs_write(VMCS_VMWRITE_BITMAP, vmwrite_bitmap.v);
    }
}
