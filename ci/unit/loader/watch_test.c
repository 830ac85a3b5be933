// SPDX-License-Identifier: BSD-2-Clause
// VMCS01's bitmaps: what is to be watched is, nothing else.
#include "../../../kernel/loader/watch.h"

#include <stdlib.h>
#include <string.h>

#include <caps/exit_reason.h>
#include <caps/hypercall.h>

#include "check.h"

#define PAGES 12

static struct boot_info *info;
static struct memory memory;
static struct fadt_ports fadt;

static struct partition_header *start(unsigned pages)
{
    info = calloc(1, sizeof(*info));
    memory = (struct memory){ .base = (uintptr_t)aligned_alloc(PAGE_BYTES, PAGES * PAGE_BYTES), .bytes = pages * PAGE_BYTES };
    memset((void *)(uintptr_t)memory.base, 0xff, PAGES * PAGE_BYTES);
    info->partition_count = 1;
    return &info->partition[0].header;
}

static void end(void)
{
    free((void *)(uintptr_t)memory.base);
    free(info);
}

// Of L1's bitmaps; of L2s'.
static bool is_set_of(enum msg_origin level, unsigned kind, unsigned bit)
{
    const uint64_t at = info->bitmaps + (level * BITMAP_KINDS + kind) * PAGE_BYTES;
    CHECK_EQ((uintptr_t)info->watched[level][kind], HIDDEN_BASE + at);
    return ((const uint64_t *)(uintptr_t)at)[bit / 64] >> bit % 64 & 1;
}
static bool is_set(enum bitmap_kind kind, unsigned bit) { return is_set_of(ORIGIN_L1, kind, bit); }
static bool port(unsigned number) { return is_set(number < 0x8000 ? BITMAP_IO_A : BITMAP_IO_B, number & 0x7fff); }

static unsigned ports(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 0x10000; i++)
        count += port(i);
    return count;
}

// Whether a row has that byte to that port for an end of this kind.
static bool ends(unsigned number, uint8_t byte, bool power_off)
{
    bool found = false;
    for (unsigned i = 0; i < BOOT_ENDS; i++) {
        const struct boot_end *end = &info->end[i];
        found |= end->mask != 0 && end->port == number && (byte & end->mask) == end->value && end->power_off == power_off;
    }
    return found;
}

// All MSRs that the bitmap has, by number: whether the table has a row with that.
static bool expected(unsigned msr, bool writes)
{
    bool found = false;
#define MSR_WATCH(first, last, read, write, what) found = found || (msr >= first && msr <= last && (writes ? write : read));
#include "../../../kernel/msr_watch.def"
#undef MSR_WATCH
    return found;
}

TEST(each_row_of_the_table_is_watched_and_nothing_else)
{
    start(PAGES);
    CHECK(watch_make(info, &memory, fadt));
    for (unsigned i = 0; i < 8192; i++) {
        CHECK_EQ(is_set(BITMAP_MSR, i), expected(i, false));
        CHECK_EQ(is_set(BITMAP_MSR, 16384 + i), expected(i, true));
        CHECK(!is_set(BITMAP_MSR, 8192 + i) && !is_set(BITMAP_MSR, 24576 + i));  // 0xc0000000 and following
    }
    CHECK(is_set(BITMAP_MSR, 0x480) && !is_set(BITMAP_MSR, 0x1b) && is_set(BITMAP_MSR, 16384 + 0x1b));
    end();
}

TEST(ports_that_end_the_machine_are_watched)
{
    start(PAGES);
    CHECK(watch_make(info, &memory, fadt));
    CHECK(port(0x64) && port(0x92) && port(0x8900) && ports() == 3);
    CHECK(ends(0x64, 0xfe, false) && ends(0x92, 0x03, false) && !ends(0x92, 0x02, false) && !ends(0x64, 0xd1, false));
    fadt = (struct fadt_ports){ .pm1a_control = 0x7fff, .pm1b_control = 0xb004, .reset = 0xb2, .reset_value = 0x77 };  // PM1a: over both bitmaps
    memory.used = 0;
    CHECK(watch_make(info, &memory, fadt));
    CHECK(port(0x8000) && port(0xb005) && ports() == 5);
    CHECK(ends(0x8000, 0x3c, true) && ends(0xb005, 0x20, true) && !ends(0xb005, 0x1c, true) && !ends(0xb2, 0x77, false));
    end();
}

TEST(all_of_them_where_there_are_secrets)
{
    start(PAGES)->rights = RIGHT_SECRETS;
    fadt = (struct fadt_ports){ .pm1a_control = 0x604, .pm1b_control = 0xffff, .reset = 0xb2, .reset_value = 0x77 };
    for (unsigned again = 0; again < 2; again++) {
        memory.used = 0;
        CHECK(watch_make(info, &memory, fadt));
        CHECK(port(0x64) && port(0x92) && port(0xcf9) && port(0xb2) && port(0x605) && port(0) && port(0x8900) && ports() == 7);
        CHECK(ends(0xcf9, 0x06, false) && ends(0xcf9, 0x0e, false) && !ends(0xcf9, 0x02, false));
        CHECK(ends(0x64, 0xd1, false) && ends(0x64, 0xf0, false) && !ends(0x64, 0xff, false) && !ends(0x64, 0xd0, false) && !ends(0x64, 0xdf, false));
        CHECK(ends(0xb2, 0x77, false) && !ends(0xb2, 0x76, false) && ends(0x605, 0x20, true) && ends(0, 0x20, true));
    }
    fadt = (struct fadt_ports){ .reset = 0xcf9, .reset_value = 6 };  // as most have it
    memory.used = 0;
    CHECK(watch_make(info, &memory, fadt));
    CHECK(ports() == 4 && ends(0xcf9, 0x06, false) && ends(0xcf9, 0x0e, false) && !ends(0xb2, 0x77, false));
    end();
}

TEST(partitions_decide_about_the_others)
{
    struct partition_header *header = start(PAGES);
    header->route_count = 3;
    header->routes[1] = (struct route_cap){ .kind = ROUTE_OBSERVE, .origin = ORIGIN_L1, .reason = EXIT_IO };
    header->routes[2] = (struct route_cap){ .kind = ROUTE_EXIT, .origin = ORIGIN_L2, .reason = EXIT_IO };
    CHECK(watch_make(info, &memory, fadt));
    CHECK_EQ(ports(), 3);
    header->routes[0] = (struct route_cap){ .kind = ROUTE_RANGE, .origin = ORIGIN_L1, .reason = EXIT_IO };
    memory.used = 0;
    CHECK(watch_make(info, &memory, fadt));
    CHECK(port(HYPERCALL_PORT) && ports() == 4);
    header->rights = RIGHT_SECRETS;
    memory.used = 0;
    CHECK(watch_make(info, &memory, fadt));
    CHECK(port(0xcf9) && ports() == 5);
    end();
}

// What every L2 exits by is what L1 does, and claimed ports.
static unsigned more_of_l2s(void)
{
    unsigned more = 0;
    for (unsigned kind = 0; kind < BITMAP_KINDS; kind++)
        for (unsigned bit = 0; bit < 8 * PAGE_BYTES; bit++) {
            CHECK(is_set_of(ORIGIN_L2, kind, bit) || !is_set_of(ORIGIN_L1, kind, bit));
            more += is_set_of(ORIGIN_L2, kind, bit) && !is_set_of(ORIGIN_L1, kind, bit);
        }
    return more;
}

TEST(ports_that_partitions_claim_of_l2s_are_watched_of_l2s_alone)
{
    uint32_t which;
    uint16_t number;
    struct partition_header *header = start(PAGES), *other = &info->partition[1].header;
    CHECK(watch_make(info, &memory, fadt));
    CHECK(more_of_l2s() == 0 && !watch_conflict(info, &which, &number));
    info->partition_count = 2;
    header->route_count = 3;
    header->routes[0] = (struct route_cap){ .kind = ROUTE_RANGE, .origin = ORIGIN_L2, .reason = EXIT_CPUID, .first = 0x100, .last = 0x200 };
    header->routes[2] = (struct route_cap){ .kind = ROUTE_RANGE, .origin = ORIGIN_L2, .reason = EXIT_IO, .first = 0x7ffe, .last = 0x8001 };
    other->route_count = 2;
    other->routes[0] = (struct route_cap){ .kind = ROUTE_EXIT, .origin = ORIGIN_L2, .reason = EXIT_IO };
    other->routes[1] = (struct route_cap){ .kind = ROUTE_RANGE, .origin = ORIGIN_L2, .reason = EXIT_IO, .first = 0x8001, .last = 0x8001 };
    memory.used = 0;
    CHECK(watch_make(info, &memory, fadt));
    CHECK(ports() == 3 && more_of_l2s() == 4 && !watch_conflict(info, &which, &number));
    CHECK(is_set_of(ORIGIN_L2, BITMAP_IO_A, 0x7ffe) && is_set_of(ORIGIN_L2, BITMAP_IO_A, 0x7fff) && is_set_of(ORIGIN_L2, BITMAP_IO_B, 0) && is_set_of(ORIGIN_L2, BITMAP_IO_B, 1));
    other->routes[1].first = 0, other->routes[1].last = 0xffff;
    memory.used = 0;
    CHECK(watch_make(info, &memory, fadt));
    CHECK_EQ(more_of_l2s(), 0x10000 - 3);
    end();
}

TEST(a_partition_that_claims_a_port_of_l0s_is_found)
{
    uint32_t which;
    uint16_t number;
    start(PAGES)->rights = RIGHT_SECRETS;
    info->partition_count = 2;
    struct partition_header *other = &info->partition[1].header;
    other->route_count = 1;
    fadt = (struct fadt_ports){ .pm1a_control = 0x604, .reset = 0xb2 };
    static const uint16_t own[] = { 0x64, 0x92, 0xb2, 0x605, 0xcf9, 0x8900 };
    static const struct { int first, last; bool conflict; } range[] = { { 0, 0, true }, { -1, 0, true }, { 0, 1, true }, { -2, -1, false }, { 1, 1, false } };
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        for (unsigned n = 0; n < sizeof(range) / sizeof(range[0]); n++) {
            other->routes[0] = (struct route_cap){ .kind = ROUTE_RANGE, .origin = ORIGIN_L2, .reason = EXIT_IO, .first = (uint64_t)(own[i] + range[n].first),
                .last = (uint64_t)(own[i] + range[n].last) };
            memory.used = 0;
            CHECK(watch_make(info, &memory, fadt));
            CHECK_EQ(watch_conflict(info, &which, &number), range[n].conflict);
            CHECK(!range[n].conflict || (which == 1 && number == own[i]));
        }
    other->routes[0].first = 0, other->routes[0].last = 0xffff;
    CHECK(watch_conflict(info, &which, &number) && which == 1 && number == 0x64);
    end();
}

TEST(too_little_memory_for_bitmaps_is_an_error)
{
    start(2 * BITMAP_KINDS - 1);
    CHECK(!watch_make(info, &memory, fadt));
    end();
}

// By encoding, in the bitmap at base.
static bool exits(uint64_t base, unsigned encoding) { return ((const uint8_t *)(uintptr_t)base)[encoding / 8] >> encoding % 8 & 1; }

TEST(fields_that_l1_may_read_and_write_itself_dont_exit)
{
    start(PAGES);
    info->vmx.shadowing = true;
    for (unsigned i = 0; i < WORD_COUNT; i++)
        info->vmx.allowed1[i] = 0xffffffff;
    memory.bytes = (2 * BITMAP_KINDS + 2) * PAGE_BYTES;
    CHECK(watch_make(info, &memory, fadt));
    unsigned reads = 0, writes = 0, want_reads = 0, want_writes = 0;
    for (unsigned encoding = 0; encoding < 8 * PAGE_BYTES; encoding++) {
        reads += !exits(info->vmx.vmread_bitmap, encoding);
        writes += !exits(info->vmx.vmwrite_bitmap, encoding);
    }
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
        const struct vmcs_field_info *field = &vmcs_field_info[i];
        enum group_shadow shadow = group_shadow[field->group];
        want_reads += shadow != SHADOW_NONE;
        want_writes += shadow == SHADOW_WRITE;
        CHECK_EQ(exits(info->vmx.vmread_bitmap, field->encoding), shadow == SHADOW_NONE);
        CHECK_EQ(exits(info->vmx.vmwrite_bitmap, field->encoding), shadow != SHADOW_WRITE);
    }
    CHECK(reads == want_reads && writes == want_writes && want_writes > 0 && want_reads > want_writes);
    memory.used = 0;
    info->vmx.allowed1[WORD_PROC2] = info->vmx.allowed1[WORD_PROC] = 0;  // fields that the CPU lacks
    CHECK(watch_make(info, &memory, fadt));
    unsigned fewer = 0;
    for (unsigned encoding = 0; encoding < 8 * PAGE_BYTES; encoding++)
        fewer += !exits(info->vmx.vmread_bitmap, encoding);
    CHECK(fewer < reads);
    memory.used = 0;
    memory.bytes = (2 * BITMAP_KINDS + 1) * PAGE_BYTES;
    CHECK(!watch_make(info, &memory, fadt));
    end();
}
