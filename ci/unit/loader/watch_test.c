// SPDX-License-Identifier: BSD-2-Clause
// VMCS01's bitmaps: what is to be watched is, nothing else.
#include "../../../kernel/loader/watch.h"

#include <stdlib.h>
#include <string.h>

#include <caps/exit_reason.h>
#include <caps/hypercall.h>

#include "check.h"

#define PAGES 8

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

static bool is_set(enum bitmap_kind kind, unsigned bit) { return ((const uint64_t *)(uintptr_t)(info->bitmaps + kind * PAGE_BYTES))[bit / 64] >> bit % 64 & 1; }
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

TEST(too_little_memory_for_bitmaps_is_an_error)
{
    start(BITMAP_KINDS - 1);
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
    memory.bytes = (BITMAP_KINDS + 2) * PAGE_BYTES;
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
    memory.bytes = (BITMAP_KINDS + 1) * PAGE_BYTES;
    CHECK(!watch_make(info, &memory, fadt));
    end();
}
