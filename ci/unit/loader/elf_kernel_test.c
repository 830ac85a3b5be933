// SPDX-License-Identifier: BSD-2-Clause
// The kernel's ELF file, good and bad.
#include "../../../kernel/loader/elf_kernel.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "../../../kernel/boot_info.h"
#include "check.h"
#include "noise.h"

static struct image {
    Elf64_Ehdr header;
    Elf64_Phdr program[4];
    char code[4096];
} image;

static void build_kernel(void)
{
    memset(&image, 0, sizeof(image));
    memcpy(image.header.e_ident, "\x7f" "ELF\2\1\1", 7);
    image.header.e_type = ET_EXEC;
    image.header.e_machine = EM_X86_64;
    image.header.e_version = EV_CURRENT;
    image.header.e_entry = KERNEL_BASE + 0x10;
    image.header.e_phoff = sizeof(Elf64_Ehdr);
    image.header.e_phentsize = sizeof(Elf64_Phdr);
    image.header.e_phnum = 4;
    image.program[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 64, .p_vaddr = KERNEL_BASE, .p_filesz = 0x100, .p_memsz = 0x100};
    image.program[1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_offset = 64, .p_vaddr = KERNEL_BASE + 0x2000, .p_filesz = 0x200, .p_memsz = 0x200};
    image.program[2] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 64, .p_vaddr = KERNEL_BASE + 0x3000, .p_filesz = 0, .p_memsz = 0x5001};
    image.program[3] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
}

static const char *kernel_read(size_t bytes, struct elf_kernel *kernel)
{
    // Odd on purpose: a file may lie anywhere. Read behind its end: the sanitizer sees it.
    char *copy = malloc(bytes + 1);
    memcpy(copy + 1, &image, bytes);
    const char *wrong = elf_kernel_read(kernel, copy + 1, bytes);
    free(copy);
    return wrong;
}

static bool kernel_refused(const char *expected)
{
    struct elf_kernel kernel;
    const char *wrong = kernel_read(sizeof(image), &kernel);
    return wrong && strstr(wrong, expected);
}

TEST(kernel_segments_come_out_in_pages)
{
    struct elf_kernel kernel;
    build_kernel();
    CHECK(!kernel_read(sizeof(image), &kernel));
    CHECK_EQ(kernel.entry, KERNEL_BASE + 0x10);
    CHECK_EQ(kernel.segment_count, 3);
    CHECK_EQ(kernel.bytes, 0x9000);
    CHECK(kernel.segment[0].execute && !kernel.segment[0].write);
    CHECK(!kernel.segment[1].execute && !kernel.segment[1].write);
    CHECK(!kernel.segment[2].execute && kernel.segment[2].write);
    CHECK_EQ(kernel.segment[0].bytes, 0x1000);
    CHECK_EQ(kernel.segment[2].bytes, 0x6000);
    CHECK_EQ(kernel.segment[2].file_bytes, 0);
}

TEST(kernel_is_refused_for_every_bad_field)
{
#define BAD(change, expected) do { build_kernel(); change; CHECK(kernel_refused(expected)); } while (0)
    BAD(image.header.e_ident[0] = 0, "not a 64-bit");
    BAD(image.header.e_ident[4] = 1, "not a 64-bit");
    BAD(image.header.e_type = ET_DYN, "not a static");
    BAD(image.header.e_machine = EM_386, "not a static");
    BAD(image.header.e_phnum = 0, "program header table");
    BAD(image.header.e_phentsize = 32, "program header table");
    BAD(image.header.e_phoff = ~0ull, "program headers lie outside");
    BAD(image.header.e_phoff = sizeof(image) - 100, "program headers lie outside");
    BAD(image.program[3].p_type = PT_DYNAMIC, "not statically");
    BAD(image.program[3].p_type = PT_INTERP, "not statically");
    BAD(image.program[3].p_type = PT_TLS, "not statically");
    BAD(image.program[1].p_offset = sizeof(image), "bytes lie outside");
    BAD(image.program[1].p_offset = ~0ull, "bytes lie outside");
    BAD(image.program[1].p_filesz = image.program[1].p_memsz = ~0ull, "bytes lie outside");
    BAD(image.program[1].p_memsz = 0x1ff, "bytes lie outside");
    BAD(image.program[1].p_vaddr += 8, "start on a page");
    BAD(image.program[1].p_vaddr = 0x400000, "outside the kernel's addresses");
    BAD(image.program[1].p_vaddr = ~0xfffull, "outside the kernel's addresses");
    BAD(image.program[2].p_memsz = ~0ull - 0x2fff, "outside the kernel's addresses");
    BAD(image.program[2].p_memsz = KERNEL_MAX_BYTES - 0x2fff, "outside the kernel's addresses");
    BAD(image.program[0].p_flags |= PF_W, "writable and executable");
    BAD(image.program[0].p_vaddr += 0x1000, "doesn't start at");
    BAD(image.program[1].p_vaddr = KERNEL_BASE, "overlap");
    BAD(image.program[0].p_memsz = 0x2001, "overlap");
    BAD(image.header.e_entry = KERNEL_BASE + 0x100, "entry point");
    BAD(image.header.e_entry = KERNEL_BASE + 0x2000, "entry point");
    BAD(image.header.e_entry = 0, "entry point");
    BAD(image.program[0].p_type = image.program[1].p_type = image.program[2].p_type = PT_NULL, "entry point");
#undef BAD
}

TEST(kernel_of_every_length_and_with_noise_is_only_read_inside)
{
    struct elf_kernel kernel;
    build_kernel();
    for (size_t bytes = 0; bytes < 1024; bytes++)
        kernel_read(bytes, &kernel);
    uint32_t state = 7;
    for (unsigned round = 0; round < 20000; round++) {
        build_kernel();
        for (unsigned i = 0; i < 3; i++)
            ((uint8_t *)&image)[noise_next(&state) % (sizeof(Elf64_Ehdr) + sizeof(image.program))] = (uint8_t)noise_next(&state);
        if (kernel_read(sizeof(image), &kernel))
            continue;
        CHECK(kernel.segment_count <= KERNEL_SEGMENTS && kernel.bytes <= KERNEL_MAX_BYTES);
        for (unsigned i = 0; i < kernel.segment_count; i++)
            CHECK(kernel.segment[i].offset + kernel.segment[i].file_bytes <= sizeof(image) && kernel.segment[i].file_bytes <= kernel.segment[i].bytes);
    }
}
