// SPDX-License-Identifier: BSD-2-Clause
// Loads the ELF files.
#include "load.h"

#include "authority.h"
#include "console.h"
#include "elf_partition.h"
#include "firmware.h"
#include "manifest.h"
#include "measure.h"
#include "text.h"

#define FOLDER   "\\EFI\\bulkhead\\"
#define FILE_MAX (64u << 20)
#define PATH     64

static bool checked_read(struct file *file, const char *name, char path[PATH])
{
    char why[MANIFEST_WHY];
    text_format(path, PATH, FOLDER "%s", name);
    if (!file_read(file, path, FILE_MAX))
        return false;
    if (manifest_check(name, file->data, file->bytes, why)) {
        measure(name, file->data, file->bytes);
        return true;
    }
    console_line("%s: %s", path, why);
    return false;
}

static bool read_all(struct load *load, const struct conf_workload *workload)
{
    char path[PATH], name[MANIFEST_FILE];
    if (!checked_read(&load->kernel_file, "kernel.elf", path))
        return false;
    const char *wrong = elf_kernel_read(&load->kernel, load->kernel_file.data, load->kernel_file.bytes);
    if (wrong) {
        console_line("%s: %s", path, wrong);
        return false;
    }
    for (unsigned i = 0; i < workload->partition_count; i++) {
        struct file *file = &load->partition[load->partition_count++];
        manifest_file(name, workload->partition[i]);
        if (!checked_read(file, name, path))
            return false;
        wrong = elf_partition_read(&load->image[i], file->data, file->bytes);
        if (!wrong && !text_equal(load->image[i].header.name, workload->partition[i]))
            wrong = "is the image of a partition of another name";
        if (wrong) {
            console_line("%s: %s", path, wrong);
            return false;
        }
    }
    uint32_t which;
    wrong = authority_settle(load->image, load->partition_count, &which);
    if (!wrong)
        wrong = authority_loadable(load->image, load->partition_count, workload->loadable, &which);
    if (!wrong)
        wrong = authority_debugger(load->image, load->partition_count, workload->debug, workload->debug_secrets, &load->debugger, &which);
    if (wrong)
        console_line("partition %s: %s", workload->partition[which], wrong);
    return !wrong;
}

bool load_read(struct load *load, const struct conf_workload *workload)
{
    load->partition_count = 0;
    load->kernel_file = (struct file){0};
    if (read_all(load, workload))
        return true;
    load_free(load);
    return false;
}

bool load_place(const struct load *load, struct memory *memory, struct boot_info *info)
{
    info->kernel_bytes = load->kernel.bytes;
    info->kernel_base = memory_take(memory, load->kernel.bytes);
    if (!info->kernel_base)
        return false;
    for (unsigned i = 0; i < load->kernel.segment_count; i++) {
        const struct kernel_segment *s = &load->kernel.segment[i];
        firmware.boot->CopyMem((void *)(UINTN)(info->kernel_base + (s->address - KERNEL_BASE)),
                               (UINT8 *)load->kernel_file.data + s->offset, s->file_bytes);
    }
    for (unsigned i = 0; i < load->partition_count; i++) {
        struct boot_partition *to = &info->partition[i];
        *to = load->image[i];
        to->base = memory_take(memory, load->partition[i].bytes);
        if (!to->base)
            return false;
        firmware.boot->CopyMem((void *)(UINTN)to->base, load->partition[i].data, load->partition[i].bytes);
    }
    info->partition_count = load->partition_count;
    info->debugger = load->debugger;
    return true;
}

void load_free(struct load *load)
{
    file_free(&load->kernel_file);
    for (unsigned i = 0; i < load->partition_count; i++)
        file_free(&load->partition[i]);
    load->partition_count = 0;
}
