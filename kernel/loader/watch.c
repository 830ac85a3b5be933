// SPDX-License-Identifier: BSD-2-Clause
// Makes VMCS01's bitmaps, L0's part of VMCS02s', and those of L1's shadow VMCS.
#include "watch.h"

#include <stddef.h>

#include <caps/debug.h>
#include <caps/exit_reason.h>
#include <caps/hypercall.h>

#include "../io.h"

static const struct { uint32_t first, last; bool read, write; } msrs[] = {
#define MSR_WATCH(first, last, read, write, what) { first, last, read, write },
#include "../msr_watch.def"
#undef MSR_WATCH
};

// Of VMCS01's; those of L2s lie behind them.
static uint64_t *bitmap_of(const struct boot_info *info, unsigned kind) { return (uint64_t *)(uintptr_t)(info->bitmaps + kind * PAGE_BYTES); }
static void set(const struct boot_info *info, unsigned kind, unsigned bit) { bitmap_of(info, kind)[bit / 64] |= 1ull << (bit % 64); }

// SDM 3C 25.6.9 "MSR-Bitmap Address": reads of the low MSRs, of the high ones, writes of the low, of the high; 8192 bits each.
static void watch_msrs(const struct boot_info *info)
{
    for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
        for (uint32_t msr = msrs[i].first; msr <= msrs[i].last; msr++) {
            unsigned bit = msr < 0x2000 ? msr : 8192 + (msr & 0x1fff);
            if (msrs[i].read)
                set(info, BITMAP_MSR, bit);
            if (msrs[i].write)
                set(info, BITMAP_MSR, 16384 + bit);
        }
    }
}

// SDM 3C 25.6.4 "I/O-Bitmap Addresses".
static unsigned kind_of(unsigned port) { return port < 0x8000 ? BITMAP_IO_A : BITMAP_IO_B; }
static void watch_port(const struct boot_info *info, unsigned port) { set(info, kind_of(port), port & 0x7fff); }
static bool is_watched(const struct boot_info *info, unsigned port) { return bitmap_of(info, kind_of(port))[port % 0x8000 / 64] >> port % 64 & 1; }

// One bit for each encoding, 0: no exit (SDM 3C 25.6.15 "VMCS Shadowing Bitmap Addresses"). The upper halves of 64-bit fields exit.
static bool watch_fields(struct vmx_caps *caps, struct memory *memory)
{
    uint64_t base = caps->shadowing ? memory_take(memory, 2 * PAGE_BYTES) : 0;
    if (!base)
        return !caps->shadowing;
    uint8_t *reads = (uint8_t *)(uintptr_t)base, *writes = reads + PAGE_BYTES;
    memory_fill(reads, 0xff, 2 * PAGE_BYTES);
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
        const struct vmcs_field_info *field = &vmcs_field_info[i];
        enum group_shadow shadow = group_shadow[field->group];
        if (shadow == SHADOW_NONE || !vmcs_feature_exists((enum vmcs_feature)field->feature, caps->allowed1))
            continue;
        uint8_t bit = (uint8_t)(1u << field->encoding % 8);
        reads[field->encoding / 8] &= (uint8_t)~bit;
        if (shadow == SHADOW_WRITE)
            writes[field->encoding / 8] &= (uint8_t)~bit;
    }
    caps->vmread_bitmap = base;
    caps->vmwrite_bitmap = base + PAGE_BYTES;
    return true;
}

static bool takes_ports(const struct partition_header *header)
{
    for (unsigned i = 0; i < header->route_count; i++) {
        const struct route_cap *route = &header->routes[i];
        if (route->kind != ROUTE_NONE && route->kind != ROUTE_OBSERVE && route->origin == ORIGIN_L1 && route->reason == EXIT_IO)
            return true;
    }
    return false;
}

enum { PM1_SLEEP_ENABLE = 1u << 5, SYSTEM_CONTROL_INIT = 1, RESET_CPU = 4, KEYBOARD_PULSE_RESET = 0xf0, KEYBOARD_WRITE_OUTPUT = 0xd1 };

static void watch_end(struct boot_info *info, struct boot_end end)
{
    unsigned i = 0;
    while (i < BOOT_ENDS - 1 && info->end[i].mask)
        i++;
    info->end[i] = end;
    watch_port(info, end.port);
}

static void watch_ends(struct boot_info *info, struct fadt_ports fadt, bool secrets)
{
    const uint16_t pm1[] = {fadt.pm1a_control, fadt.pm1b_control};
    for (unsigned i = 0; i < BOOT_ENDS; i++)
        info->end[i].mask = 0;
    // A sleep, too, is taken for a power-off: nothing of L0 survives it. The bit is in the upper byte.
    for (unsigned i = 0; i < 2; i++)
        if (pm1[i])
            watch_end(info, (struct boot_end){(uint16_t)(pm1[i] + 1), PM1_SLEEP_ENABLE, PM1_SLEEP_ENABLE, true});
    // Any pulse of output bit 0 is a reset; and of bit 0 here an INIT of all CPUs, or a reset as well. Both come after the scrubbing, and are the same to L0.
    watch_end(info, (struct boot_end){PORT_KEYBOARD, 0xf1, KEYBOARD_PULSE_RESET, false});
    watch_end(info, (struct boot_end){PORT_SYSTEM_CONTROL, SYSTEM_CONTROL_INIT, SYSTEM_CONTROL_INIT, false});
    watch_port(info, PORT_BOCHS_SHUTDOWN);
    if (!secrets)
        return;
    // An access exits if any of its bytes is watched, and so do all PCI configuration addresses that are written to 0xcf8 as they must be: 4 bytes.
    // A boot writes 30,000 of them. Nothing in the chipset or the CPU tells the two apart without an exit, so 0xcf9 is watched only where a reset
    // must not go unseen; else L0 would miss no more than its last words.
    watch_end(info, (struct boot_end){PORT_RESET, RESET_CPU, RESET_CPU, false});
    // The next byte to 0x60 is output bit 0 itself. The command is taken for the end already: 0x60 needn't be watched, which has an access for each byte of
    // keyboard and mouse, and no CPU's byte there can overtake another's command here. Besides a reset it is for the A20 gate, which boot loaders for
    // BIOS open; a system that UEFI starts has no use for it.
    watch_end(info, (struct boot_end){PORT_KEYBOARD, 0xff, KEYBOARD_WRITE_OUTPUT, false});
    if (fadt.reset)
        watch_end(info, (struct boot_end){fadt.reset, 0xff, fadt.reset_value, false});
}

// The next route of that partition from *i on that claims ports of L2s; NULL: there is none.
static const struct route_cap *next_claim(const struct partition_header *header, unsigned *i)
{
    while (*i < header->route_count) {
        const struct route_cap *route = &header->routes[(*i)++];
        if (route->kind == ROUTE_RANGE && route->origin == ORIGIN_L2 && route->reason == EXIT_IO)
            return route;
    }
    return NULL;
}

// L2s' are the same, with the ports that partitions claim of them, those of dormant ones too: no bitmap changes when they come.
static void watch_l2s(struct boot_info *info)
{
    for (unsigned kind = 0; kind < BITMAP_KINDS; kind++) {
        __builtin_memcpy(bitmap_of(info, BITMAP_KINDS + kind), bitmap_of(info, kind), PAGE_BYTES);
        for (unsigned level = ORIGIN_L1; level <= ORIGIN_L2; level++)
            info->watched[level][kind] = (const uint64_t *)(uintptr_t)(HIDDEN_BASE + info->bitmaps + (level * BITMAP_KINDS + kind) * PAGE_BYTES);
    }
    const struct route_cap *claim;
    for (uint32_t i = 0; i < info->partition_count; i++)
        for (unsigned n = 0; (claim = next_claim(&info->partition[i].header, &n)) != NULL;)
            for (uint64_t port = claim->first; port <= claim->last; port++)
                set(info, BITMAP_KINDS + kind_of((unsigned)port), port & 0x7fff);
}

bool watch_conflict(const struct boot_info *info, uint32_t *partition, uint16_t *port)
{
    const struct route_cap *claim;
    for (*partition = 0; *partition < info->partition_count; ++*partition)
        for (unsigned n = 0; (claim = next_claim(&info->partition[*partition].header, &n)) != NULL;)
            for (uint64_t i = claim->first; i <= claim->last; i++) {
                *port = (uint16_t)i;
                if (is_watched(info, *port))
                    return true;
            }
    return false;
}

bool watch_make(struct boot_info *info, struct memory *memory, struct fadt_ports fadt)
{
    bool secrets = false;
    info->bitmaps = memory_take(memory, 2 * BITMAP_KINDS * PAGE_BYTES);
    if (!info->bitmaps || !watch_fields(&info->vmx, memory))
        return false;
    watch_msrs(info);
    for (unsigned i = 0; info->debug && i < DEBUG_PORTS; i++)
        watch_port(info, DEBUG_PORT + i);
    for (uint32_t i = 0; i < info->partition_count; i++) {
        if (takes_ports(&info->partition[i].header))
            watch_port(info, HYPERCALL_PORT);
        secrets |= (info->partition[i].header.rights & RIGHT_SECRETS) != 0;
    }
    watch_ends(info, fadt, secrets);
    watch_l2s(info);
    return true;
}
