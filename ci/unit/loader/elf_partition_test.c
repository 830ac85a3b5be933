// SPDX-License-Identifier: BSD-2-Clause
// The parser of partitions' ELF files: what it accepts, each reason to refuse, and that no input makes it look outside of the file.

#include "check.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <caps/addr.h>
#include <caps/exit_reason.h>
#include <caps/hypercall.h>
#include <caps/layout.h>

#include "../../../kernel/loader/elf_partition.h"

struct program { uint32_t type, flags; uint64_t offset, va, pa, file_bytes, memory_bytes, align; };
struct file {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_bytes, program_bytes, program_count, section_bytes, section_count, string_index;
    struct program program[4];
    struct partition_header header;
    uint8_t text[64];
    uint8_t data[16];
};

#define TEXT (IMAGE_BASE + 0x10000)
#define DATA (IMAGE_BASE + 0x20000)

static struct file good(void)
{
    struct file file = {
        .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = 2, .machine = 62, .version = 1,
        .program_offset = offsetof(struct file, program), .program_bytes = sizeof(struct program), .program_count = 4,
        .program = {
            { 1, 4, offsetof(struct file, header), IMAGE_BASE, 0, sizeof(struct partition_header), sizeof(struct partition_header), 4096 },
            { 1, 5, offsetof(struct file, text), TEXT, 0, 64, 64, 4096 },
            { 1, 6, offsetof(struct file, data), DATA, 0, 16, 0x3000, 4096 },
            { 1, 6, 0, STATE_BASE, 0, 0, 0x2000, 4096 },
        },
        .header = {
            .magic = CAP_MAGIC, .abi = CAP_ABI, .bytes = sizeof(struct partition_header), .name = "test", .entry = TEXT,
            .fixup_first = TEXT + 8, .fixup_last = TEXT + 16, .fixup_resume = TEXT + 16, .hang = TEXT + 63, .state_bytes = 0x2000,
            .rights = RIGHT_VMCS02 | RIGHT_EPT02, .vmcs02_count = 2, .root_count = 3, .route_count = 2,
            .vmcs = { { 1, 1 }, { 1, 1 }, { 1, 1 } },
            .routes = { { .kind = ROUTE_RANGE, .origin = ORIGIN_L1, .reason = EXIT_VMCALL, .groups = 1 | 1ull << 63, .first = 1, .last = 2 },
                        { .kind = ROUTE_EXIT, .origin = ORIGIN_L2, .reason = EXIT_EPT_VIOLATION, .groups_shadow = 1 } },
            .calls = { "other" },
        },
    };
    return file;
}

static const char *load(const struct file *file)
{
    struct boot_partition image;
    // Odd on purpose: a file may lie anywhere. Read behind its end: the sanitizer sees it.
    char *copy = malloc(sizeof(*file) + 1);
    memcpy(copy + 1, file, sizeof(*file));
    const char *error = elf_partition_read(&image, copy + 1, sizeof(*file));
    free(copy);
    return error;
}

static void refused(const struct file *file, const char *part)
{
    const char *error = load(file);
    if (error == NULL || strstr(error, part) == NULL)
        check_failed(__FILE__, __LINE__, error == NULL ? part : error);
}

TEST(a_plain_static_image_is_accepted)
{
    struct file file = good();
    struct boot_partition image;
    CHECK(elf_partition_read(&image, &file, sizeof(file)) == NULL);
    CHECK(memcmp(&image.header, &file.header, sizeof(file.header)) == 0);
    CHECK_EQ(image.segment_count, 4);
    CHECK_EQ(image.segment[2].pages, 3);
    CHECK_EQ(image.segment[3].state, true);
    CHECK_EQ(image.segment[3].pages, 2);
    CHECK(load(&file) == NULL);
}

#define REFUSED(name, part, change)      \
    TEST(name)                           \
    {                                    \
        struct file file = good();       \
        change;                          \
        refused(&file, part);            \
    }

REFUSED(refuses_another_format, "64-bit", file.ident[4] = 1)
REFUSED(refuses_a_shared_object, "static", file.type = 3)
REFUSED(refuses_another_machine, "static", file.machine = 3)
REFUSED(refuses_program_headers_of_another_size, "program header table", file.program_bytes = 32)
REFUSED(refuses_no_program_headers, "program header table", file.program_count = 0)
REFUSED(refuses_too_many_program_headers, "program header table", file.program_count = 17)
REFUSED(refuses_program_headers_behind_the_end, "outside of the file", file.program_offset = sizeof(file) - 100)
REFUSED(refuses_a_program_offset_that_wraps, "outside of the file", file.program_offset = ~0ull - 16)
REFUSED(refuses_an_interpreter, "statically", file.program[1].type = 3)
REFUSED(refuses_a_segment_behind_the_end, "outside of the file", file.program[1].offset = sizeof(file) - 8)
REFUSED(refuses_a_segment_offset_that_wraps, "outside of the file", file.program[1].offset = ~0ull - 8)
REFUSED(refuses_more_bytes_in_the_file_than_in_memory, "outside of the file", file.program[1].memory_bytes = 32)
REFUSED(refuses_a_segment_below_the_image, "outside of the image", file.program[2].va = IMAGE_BASE - 0x1000)
REFUSED(refuses_a_segment_above_the_image, "outside of the image", file.program[2].va = IMAGE_BASE + IMAGE_MAX_BYTES - 0x1000)
REFUSED(refuses_a_segment_that_wraps, "outside of the image", file.program[2].memory_bytes = ~0ull - DATA + 2)
REFUSED(refuses_a_segment_in_the_channels, "outside of the image", file.program[2].va = CHANNEL_BASE)
REFUSED(refuses_a_kernel_address, "outside of the image", file.program[2].va = 0xffffffff80000000ull)
REFUSED(refuses_a_writable_and_executable_segment, "writable and executable", file.program[1].flags = 7)
REFUSED(refuses_an_unreadable_segment, "rights", file.program[1].flags = 1)
REFUSED(refuses_executable_state, "state region", file.program[3].flags = 5)
REFUSED(refuses_overlapping_segments, "share a page", file.program[2].va = TEXT + 32)
REFUSED(refuses_an_image_without_header, "header", file.program[0].va = IMAGE_BASE + 0x1000)
REFUSED(refuses_a_writable_header, "header", file.program[0].flags = 6)
REFUSED(refuses_a_cut_header, "header", file.program[0].file_bytes -= 8)
REFUSED(refuses_a_wrong_magic, "no partition header", file.header.magic++)
REFUSED(refuses_another_abi, "another ABI", file.header.abi++)
REFUSED(refuses_a_header_of_another_size, "another ABI", file.header.bytes -= 8)
REFUSED(refuses_an_empty_name, "name", file.header.name[0] = 0)
REFUSED(refuses_a_name_without_end, "name", memset(file.header.name, 'a', CAP_NAME))
REFUSED(refuses_a_name_with_spaces, "name", file.header.name[1] = ' ')
REFUSED(refuses_an_entry_in_data, "entry", file.header.entry = DATA)
REFUSED(refuses_a_kernel_entry, "entry", file.header.entry = ~0ull)
REFUSED(refuses_a_fixup_outside_of_the_text, "fixup", file.header.fixup_last = DATA)
REFUSED(refuses_a_fixup_backwards, "fixup", file.header.fixup_last = TEXT)
REFUSED(refuses_a_fixup_that_goes_on_in_data, "fixup", file.header.fixup_resume = DATA)
REFUSED(refuses_a_loop_in_data, "loop", file.header.hang = DATA)
REFUSED(refuses_a_loop_behind_the_text, "loop", file.header.hang = TEXT + 0x1000)
REFUSED(refuses_a_large_state_region, "too large", file.header.state_bytes = STATE_MAX_BYTES + 1)
REFUSED(refuses_state_outside_of_the_region, "smaller", file.header.state_bytes = 0x1000)
REFUSED(refuses_a_seed_without_the_right, "a seed", file.header.seed = STATE_BASE)
REFUSED(refuses_a_seed_outside_of_the_state_region, "a seed", (file.header.rights |= RIGHT_SECRETS, file.header.seed = STATE_BASE + 0x2000 - 64))
REFUSED(refuses_a_seed_in_the_image, "a seed", (file.header.rights |= RIGHT_SECRETS, file.header.seed = DATA))
REFUSED(refuses_a_seed_that_wraps, "a seed", (file.header.rights |= RIGHT_SECRETS, file.header.seed = ~0ull - 7))
REFUSED(refuses_an_odd_seed, "a seed", (file.header.rights |= RIGHT_SECRETS, file.header.seed = STATE_BASE + 4))
REFUSED(refuses_too_many_vmcs02s, "VMCS02", file.header.vmcs02_count = VMCS02_OWN_MAX + 1)
REFUSED(refuses_vmcs02s_without_the_right, "VMCS02", file.header.rights = RIGHT_EPT02)
REFUSED(refuses_roots_without_the_right, "EPT02", file.header.rights = RIGHT_VMCS02)
REFUSED(refuses_too_many_routes, "too many routes", file.header.route_count = CAP_ROUTES + 1)
REFUSED(refuses_an_unknown_route, "unknown kind", file.header.routes[0].kind = 9)
REFUSED(refuses_an_unknown_origin, "no partition may claim", file.header.routes[0].origin = ORIGIN_COUNT)
REFUSED(refuses_pals_without_the_right, "without the right", file.header.routes[0].origin = ORIGIN_PAL)
REFUSED(refuses_taken_pages_without_the_right, "without the right",
        (file.header.routes[0] = (struct route_cap){ .kind = ROUTE_TAKEN, .origin = ORIGIN_L1, .reason = EXIT_EPT_VIOLATION }))
REFUSED(refuses_taken_pages_of_another_kind, "no partition may claim",
        (file.header.routes[0] = (struct route_cap){ .kind = ROUTE_TAKEN, .origin = ORIGIN_L1, .reason = EXIT_CPUID }))
REFUSED(refuses_an_unknown_reason, "no partition may claim", file.header.routes[1].reason = 35)
REFUSED(refuses_a_reason_beyond_the_table, "no partition may claim", file.header.routes[1].reason = 0xffff)
REFUSED(refuses_l1s_ept_violations, "no partition may claim", file.header.routes[1].origin = ORIGIN_L1)
REFUSED(refuses_all_of_l1s_cpuid, "no partition may claim", (file.header.routes[0].reason = EXIT_CPUID, file.header.routes[0].kind = ROUTE_EXIT))
REFUSED(refuses_a_range_backwards, "range", file.header.routes[0].first = 3)
REFUSED(refuses_a_range_without_a_key, "range", (file.header.routes[1].kind = ROUTE_RANGE))
REFUSED(refuses_groups_that_may_not_be_read, "may not read", file.header.routes[0].groups |= 2)
REFUSED(refuses_groups_that_do_not_exist, "may not read", file.header.routes[0].groups |= 1ull << 62)
REFUSED(refuses_shadow_groups_that_may_not_be_read, "may not read", file.header.routes[1].groups_shadow |= 2)
REFUSED(refuses_a_call_without_end, "call", memset(file.header.calls[0], 'a', CAP_NAME))

static struct route_cap ports_of(enum msg_origin origin, uint64_t first, uint64_t last)
{
    return (struct route_cap){ .kind = ROUTE_RANGE, .origin = (uint8_t)origin, .reason = EXIT_IO, .first = first, .last = last };
}

REFUSED(refuses_all_of_l1s_ports, "no partition may claim", (file.header.routes[0].reason = EXIT_IO, file.header.routes[0].kind = ROUTE_EXIT))
REFUSED(refuses_another_port, "no partition may claim", (file.header.routes[0].reason = EXIT_IO, file.header.routes[0].first = file.header.routes[0].last = 0xcf9))
REFUSED(refuses_more_than_the_port, "no partition may claim",
        (file.header.routes[0].reason = EXIT_IO, file.header.routes[0].first = HYPERCALL_PORT, file.header.routes[0].last = HYPERCALL_PORT + 1))
REFUSED(refuses_ports_of_l2s_that_there_are_not, "range", file.header.routes[0] = ports_of(ORIGIN_L2, 0xfff0, 0x10000))
REFUSED(refuses_ports_of_l2s_far_beyond, "range", file.header.routes[0] = ports_of(ORIGIN_L2, 0, ~0ull))
REFUSED(refuses_ports_of_l2s_backwards, "range", file.header.routes[0] = ports_of(ORIGIN_L2, 0x85, 0x84))
REFUSED(refuses_ports_of_pals, "range", (file.header.rights |= RIGHT_PAL, file.header.routes[0] = ports_of(ORIGIN_PAL, 0x84, 0x85)))

TEST(accepts_any_ports_of_l2s)
{
    static const uint16_t range[][2] = { { 0, 0 }, { 0x84, 0x86 }, { 0x7ffe, 0x8001 }, { 0xffff, 0xffff }, { 0, 0xffff } };
    for (unsigned i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
        struct file file = good();
        file.header.routes[0] = ports_of(ORIGIN_L2, range[i][0], range[i][1]);
        CHECK(load(&file) == NULL);
    }
}

TEST(accepts_the_hypercall_port)
{
    struct file file = good();
    file.header.routes[0].reason = EXIT_IO;
    file.header.routes[0].first = file.header.routes[0].last = HYPERCALL_PORT;
    CHECK(load(&file) == NULL);
}

// All numbers of VMCALL only where they are VMX instructions.
REFUSED(refuses_all_of_l1s_vmcalls, "no partition may claim", file.header.routes[0].kind = ROUTE_EXIT)
REFUSED(refuses_an_instruction_that_is_none_of_vmx, "no partition may claim", (file.header.routes[0].reason = EXIT_VMCALL - 1, file.header.routes[0].kind = ROUTE_IN_VMX))
REFUSED(refuses_vmx_instructions_of_l2, "no partition may claim", (file.header.routes[0].origin = ORIGIN_L2, file.header.routes[0].kind = ROUTE_IN_VMX))

TEST(accepts_vmcall_in_vmx_operation)
{
    struct file file = good();
    file.header.routes[0].kind = ROUTE_IN_VMX;
    CHECK(load(&file) == NULL);
}

TEST(every_reason_that_l1_alone_may_have_is_refused)
{
    static const uint16_t kernel_only[] = { EXIT_EXCEPTION_OR_NMI, EXIT_EXTERNAL_INTERRUPT, EXIT_TRIPLE_FAULT, EXIT_INIT, EXIT_SIPI, EXIT_CR_ACCESS,
        EXIT_IO, EXIT_ENTRY_GUEST_STATE, EXIT_EPT_VIOLATION, EXIT_EPT_MISCONFIG, EXIT_XSETBV, EXIT_NMI_WINDOW, EXIT_MONITOR_TRAP };
    for (unsigned i = 0; i < sizeof(kernel_only) / sizeof(kernel_only[0]); i++) {
        struct file file = good();
        file.header.routes[0] = (struct route_cap){ .kind = ROUTE_EXIT, .origin = ORIGIN_L1, .reason = kernel_only[i] };
        refused(&file, "no partition may claim");
    }
}

TEST(every_shorter_file_is_refused)
{
    struct file file = good();
    for (size_t bytes = 0; bytes < offsetof(struct file, data) + 16; bytes++) {
        uint8_t *cut = malloc(bytes + 1);  // address sanitizer guards its end
        uint8_t *copy = realloc(cut, bytes ? bytes : 1);
        memcpy(copy, &file, bytes);
        struct boot_partition image;
        CHECK(elf_partition_read(&image, copy, bytes) != NULL);
        free(copy);
    }
}

TEST(random_damage_never_leads_outside_of_the_file)
{
    uint64_t seed = 1;
    for (int round = 0; round < 200000; round++) {
        struct file file = good();
        uint8_t *bytes = (uint8_t *)&file;
        for (int i = 0; i < 4; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            size_t range = i & 1 ? offsetof(struct file, header) + 200 : offsetof(struct file, header);
            bytes[(seed >> 33) % range] = (uint8_t)(seed >> 24);
        }
        struct boot_partition image;
        if (elf_partition_read(&image, &file, sizeof(file)) != NULL)
            continue;
        for (unsigned i = 0; i < image.segment_count; i++) {
            const struct boot_segment *segment = &image.segment[i];
            CHECK(segment->file_offset <= sizeof(file) && segment->file_bytes <= sizeof(file) - segment->file_offset);
            CHECK(segment->va_offset + segment->file_bytes <= segment->pages * PAGE_BYTES);
            CHECK(segment->va >= IMAGE_BASE && segment->va + segment->pages * PAGE_BYTES <= STATE_BASE + STATE_MAX_BYTES);
        }
    }
}
