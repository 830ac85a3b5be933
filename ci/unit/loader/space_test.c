// SPDX-License-Identifier: BSD-2-Clause
// Partitions' address spaces and the window, walked in software as the CPU would.
#define _GNU_SOURCE
#include "../../../kernel/loader/space.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <caps/layout.h>
#include <caps/ring.h>

#include "../../../kernel/loader/pagetable.h"
#include "check.h"

#define BYTES (8ull << 20)
#define BLOCK (1ull << 30)  // in the window: addresses are physical ones

static struct boot_info *info;
static struct memory memory;
static uint64_t file[512];

// Hidden memory as the loader has it when it comes to the spaces; the partition has text, data and state.
static struct boot_partition *start(uint32_t rights, uint64_t bytes)
{
    struct boot_partition *image;
    void *block = mmap((void *)(uintptr_t)BLOCK, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK_EQ((uintptr_t)block, BLOCK);
    memory = (struct memory){ .base = BLOCK, .bytes = bytes };
    memset((void *)(uintptr_t)memory.base, 0xff, BYTES);
    info = calloc(1, sizeof(*info));
    image = &info->partition[0];
    info->cpu_count = 2;
    info->kernel_tables = memory_take(&memory, PAGE_BYTES);
    ((uint64_t *)(uintptr_t)info->kernel_tables)[511] = 0x1234000 | 3;
    info->records = memory_take(&memory, sizeof(struct records_own));
    info->crash_base = memory_take(&memory, sizeof(struct crash_record) + sizeof(struct crash_area));
    for (unsigned i = 0; i < 2; i++)
        ((struct records_own *)(uintptr_t)info->records)->machine.cpu_base[i] = memory_take(&memory, sizeof(struct records_cpu));
    info->range[0] = (struct boot_range){ .base = 0x800, .bytes = 0x9f000, .kind = RANGE_RAM };
    info->range[1] = (struct boot_range){ .base = 0x100000, .bytes = 0x700000, .kind = RANGE_RAM };
    info->range[2] = (struct boot_range){ .base = 0x800000, .bytes = 0x1000, .kind = RANGE_ACPI };
    info->range[3] = (struct boot_range){ .base = memory.base - LARGE_BYTES, .bytes = BYTES + 2 * LARGE_BYTES, .kind = RANGE_RAM };
    info->range_count = 4;
    image->header.rights = rights;
    image->header.state_bytes = 0x2800;
    image->base = (uintptr_t)file;
    image->segment_count = 3;
    image->segment[0] = (struct boot_segment){ .va = IMAGE_BASE, .pages = 2, .va_offset = 0x10, .file_offset = 8, .file_bytes = 0x808,
                                               .rights = BOOT_READ | BOOT_EXECUTE };
    image->segment[1] = (struct boot_segment){ .va = IMAGE_BASE + 0x2000, .pages = 1, .file_offset = 0x100, .file_bytes = 3, .rights = BOOT_READ | BOOT_WRITE };
    image->segment[2] = (struct boot_segment){ .va = STATE_BASE + 0x1000, .pages = 1, .va_offset = 8, .file_offset = 0x200, .file_bytes = 8,
                                               .rights = BOOT_READ | BOOT_WRITE, .state = true };
    for (unsigned i = 0; i < 512; i++)
        file[i] = i * 0x0101010101010101ull;
    return image;
}

static void end(void)
{
    munmap((void *)(uintptr_t)BLOCK, BYTES);
    free(info);
}

static bool walk(uint64_t table, uint64_t address, uint64_t *physical, unsigned *rights)
{
    const struct pagetable tables = { .root = table };
    return pagetable_walk(&tables, address, physical, rights);
}

static void leads(const struct boot_partition *image, uint64_t address, uint64_t expected, unsigned expected_rights)
{
    uint64_t physical = 0;
    unsigned rights = 0;
    CHECK(walk(image->space.root.v, address, &physical, &rights));
    CHECK_EQ(physical, expected);
    CHECK_EQ(rights, expected_rights);
}

static bool mapped(const struct boot_partition *image, uint64_t address)
{
    uint64_t physical;
    unsigned rights;
    return walk(image->space.root.v, address, &physical, &rights);
}

TEST(partition_finds_everything_at_its_place)
{
    struct boot_partition *image = start(0, BYTES);
    CHECK(window_make(info, &memory) && space_make(info, &memory, 0));
    const struct space *space = &image->space;
    leads(image, IMAGE_BASE + 0x1fff, space->segment[0].v + 0x1fff, PAGE_EXECUTE);
    leads(image, IMAGE_BASE + 0x2000, space->segment[1].v, PAGE_WRITE);
    leads(image, STATE_BASE + 0x1000, space->segment[2].v, PAGE_WRITE);
    leads(image, STATE_BASE + 0x2fff, space->state.v + 0x2fff, PAGE_WRITE);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        uint64_t va = CHANNEL_BASE + cpu * CHANNEL_STRIDE, page = space->channels.v + cpu * sizeof(struct channel);
        leads(image, va, page, 0);
        leads(image, va + RING_SLOTS * PAGE_BYTES, page + RING_SLOTS * PAGE_BYTES, PAGE_WRITE);
        CHECK(!mapped(image, va + sizeof(struct channel)));
        CHECK(mapped(image, STACK_BASE + (cpu + 1) * STACK_STRIDE - 1) && !mapped(image, STACK_BASE + (cpu + 1) * STACK_STRIDE - STACK_BYTES - 1));
    }
    CHECK(mapped(image, INFO_BASE) && !mapped(image, INFO_BASE + PAGE_BYTES));
    CHECK(!mapped(image, RECORDS_BASE) && !mapped(image, WINDOW_BASE + 0x200000) && !mapped(image, STATE_BASE + 0x3000));
    CHECK_EQ(((const uint64_t *)(uintptr_t)space->root.v)[511], 0x1234000 | 3);
    end();
}

TEST(segments_have_their_bytes)
{
    struct boot_partition *image = start(0, BYTES);
    CHECK(window_make(info, &memory) && space_make(info, &memory, 0));
    const uint64_t *text = (const uint64_t *)(uintptr_t)image->space.segment[0].v, *data = (const uint64_t *)(uintptr_t)image->space.segment[1].v;
    const uint64_t *state = (const uint64_t *)(uintptr_t)image->space.state.v;
    CHECK(text[1] == 0 && text[2] == file[1] && text[2 + 0x100] == file[0x101] && text[3 + 0x100] == 0);
    CHECK_EQ(data[0], file[0x20] & 0xffffff);
    CHECK(state[0x200] == 0 && state[0x201] == file[0x40] && state[0x202] == 0);
    end();
}

TEST(records_and_window_are_there_by_right)
{
    struct boot_partition *image = start(RIGHT_RECORDS | RIGHT_WINDOW_READ, BYTES);
    CHECK(window_make(info, &memory) && space_make(info, &memory, 0));
    leads(image, RECORDS_BASE, info->records, 0);
    leads(image, RECORDS_CPU_BASE(1), ((struct records_own *)(uintptr_t)info->records)->machine.cpu_base[1], 0);
    CHECK(!mapped(image, RECORDS_CPU_BASE(2)));
    CHECK(!mapped(image, WINDOW_BASE) && !mapped(image, WINDOW_BASE + 0x800000) && !mapped(image, WINDOW_BASE + 0x9f000));
    leads(image, WINDOW_BASE + 0x1000, 0x1000, PAGE_WRITE);  // the leaf; the top-level entry decides
    leads(image, WINDOW_BASE + 0x7fffff, 0x7fffff, PAGE_WRITE);
    CHECK(!(((const uint64_t *)(uintptr_t)image->space.root.v)[WINDOW_BASE >> 39] & 2));
    leads(image, WINDOW_BASE + memory.base - 1, memory.base - 1, PAGE_WRITE);
    leads(image, WINDOW_BASE + memory.base + BYTES, memory.base + BYTES, PAGE_WRITE);
    CHECK(!mapped(image, WINDOW_BASE + memory.base) && !mapped(image, WINDOW_BASE + memory.base + BYTES - 1));
    end();
    image = start(RIGHT_WINDOW_WRITE | RIGHT_PAL, BYTES);
    CHECK(window_make(info, &memory) && space_make(info, &memory, 0));
    CHECK(((const uint64_t *)(uintptr_t)image->space.root.v)[WINDOW_BASE >> 39] & 2);
    uint64_t page = 0;
    unsigned rights;
    CHECK(walk(image->space.root.v, INFO_BASE, &page, &rights));
    CHECK_EQ(((const struct info *)(uintptr_t)page)->state, image->space.state.v);
    end();
}

TEST(too_little_memory_is_an_error_wherever_it_ends)
{
    start(RIGHT_RECORDS | RIGHT_WINDOW_READ, BYTES);
    CHECK(window_make(info, &memory) && space_make(info, &memory, 0));
    uint64_t enough = memory.used;
    end();
    start(RIGHT_RECORDS, BYTES);
    uint64_t least = memory.used;
    end();
    for (uint64_t bytes = least; bytes < enough; bytes += PAGE_BYTES) {
        start(RIGHT_RECORDS | RIGHT_WINDOW_READ, bytes);
        info->range[3].bytes = bytes + 2 * LARGE_BYTES;
        CHECK(!window_make(info, &memory) || !space_make(info, &memory, 0));
        end();
    }
}

TEST(the_debugger_sees_what_the_debugged_one_has_of_its_own)
{
    struct boot_partition *image = start(RIGHT_RECORDS | RIGHT_WINDOW_READ, BYTES), *debugger = &info->partition[1];
    debugger->base = image->base;
    debugger->header.rights = RIGHT_DEBUG;
    CHECK(window_make(info, &memory) && space_make(info, &memory, 0) && space_make(info, &memory, 1));
    CHECK(space_show(info, &memory, 0, 1));
    const struct space *space = &image->space;
    leads(debugger, WINDOW_BASE + IMAGE_BASE + 0x1fff, space->segment[0].v + 0x1fff, PAGE_WRITE);  // text: for breakpoints
    leads(debugger, WINDOW_BASE + IMAGE_BASE + 0x2000, space->segment[1].v, PAGE_WRITE);
    leads(debugger, WINDOW_BASE + STATE_BASE + 0x2fff, space->state.v + 0x2fff, PAGE_WRITE);
    leads(debugger, WINDOW_BASE + CHANNEL_BASE + CHANNEL_STRIDE, space->channels.v + sizeof(struct channel), 0);
    leads(debugger, WINDOW_BASE + CHANNEL_BASE + RING_SLOTS * PAGE_BYTES, space->channels.v + RING_SLOTS * PAGE_BYTES, PAGE_WRITE);
    uint64_t page;
    unsigned rights;
    CHECK(walk(space->root.v, INFO_BASE, &page, &rights));
    leads(debugger, WINDOW_BASE + INFO_BASE, page, 0);
    CHECK(walk(space->root.v, STACK_BASE + 2 * STACK_STRIDE - PAGE_BYTES, &page, &rights));
    leads(debugger, WINDOW_BASE + STACK_BASE + 2 * STACK_STRIDE - PAGE_BYTES, page, PAGE_WRITE);
    CHECK(!mapped(debugger, WINDOW_BASE + RECORDS_BASE) && !mapped(debugger, WINDOW_BASE) && !mapped(debugger, WINDOW_BASE + IMAGE_BASE + 0x3000));
    CHECK(!mapped(debugger, IMAGE_BASE));
    end();
}

TEST(who_reads_records_sees_requests_but_none_that_may_tell_of_pals)
{
    struct boot_partition *reader = start(RIGHT_RECORDS, BYTES);
    const struct records_machine *machine = &((struct records_own *)(uintptr_t)info->records)->machine;
    info->partition_count = 5;
    for (unsigned i = 1; i < 5; i++)
        info->partition[i].base = reader->base;
    info->partition[2].header.rights = RIGHT_SECRETS;
    info->partition[3].header.route_count = 2;
    info->partition[3].header.routes[0] = (struct route_cap){ .kind = ROUTE_EXIT, .origin = ORIGIN_L2 };
    info->partition[3].header.routes[1] = (struct route_cap){ .kind = ROUTE_OBSERVE, .origin = ORIGIN_PAL };
    info->partition[4].header.rights = RIGHT_PAL;
    for (unsigned i = 0; i < 5; i++)
        CHECK(space_make(info, &memory, i));
    CHECK(space_show_rings(info, &memory));
    CHECK(machine->channels[0] == reader->space.channels.v && machine->channels[1] == info->partition[1].space.channels.v);
    CHECK_EQ(machine->channels[2] | machine->channels[3] | machine->channels[4] | machine->channels[5], 0);
    for (unsigned partition = 0; partition < 2; partition++) {
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            const uint64_t channel = machine->channels[partition] + cpu * sizeof(struct channel), last = RECORDS_RING_BYTES - 1;
            leads(reader, RECORDS_RING_BASE(2, partition, cpu), channel, 0);
            leads(reader, RECORDS_RING_BASE(2, partition, cpu) + last, channel + last, 0);
        }
    }
    for (uint64_t va = RECORDS_RING_BASE(2, 2, 0); va < RECORDS_RING_BASE(2, 6, 0); va += PAGE_BYTES)
        CHECK(!mapped(reader, va));
    CHECK(!mapped(&info->partition[1], RECORDS_RING_BASE(2, 0, 0)));
    end();
}
