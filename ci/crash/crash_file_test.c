// SPDX-License-Identifier: BSD-2-Clause
// Records in files: whole ones, and ones that were cut off, damaged, or written by another version.

#include <stdlib.h>
#include <string.h>

#include "../unit/check.h"
#include "../unit/harness.h"
#include "crash_file.h"
#include "refused.h"

static struct crash_record record;

// 64-bit code in L1, as the CPU takes it.
static const struct { enum vmcs_field field; uint64_t value; } running[] = {
    { VMCS_ENTRY_CONTROLS, 0x13fb }, { VMCS_EXIT_CONTROLS, 0x36fff }, { VMCS_PIN_CONTROLS, 0x16 }, { VMCS_PROC_CONTROLS, 0x8401e172 },
    { VMCS_PROC_CONTROLS2, 0x82 }, { VMCS_EPTP, 0x40001e }, { VMCS_VMCS_LINK_POINTER, ~0ull }, { VMCS_GUEST_CR0, 0x80000033 }, { VMCS_GUEST_CR4, 0x2668 },
    { VMCS_GUEST_EFER, 0xd00 }, { VMCS_GUEST_RFLAGS, 2 }, { VMCS_GUEST_RIP, 0x1000 }, { VMCS_GUEST_PAT, 0x0007040600070406 },
    { VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa09b }, { VMCS_GUEST_CS_LIMIT, 0xffffffff }, { VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc093 }, { VMCS_GUEST_SS_LIMIT, 0xffffffff },
    { VMCS_GUEST_DS_ACCESS_RIGHTS, 0xc093 }, { VMCS_GUEST_DS_LIMIT, 0xffffffff }, { VMCS_GUEST_ES_ACCESS_RIGHTS, 0x10000 }, { VMCS_GUEST_FS_ACCESS_RIGHTS, 0x10000 },
    { VMCS_GUEST_GS_ACCESS_RIGHTS, 0x10000 }, { VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x10000 }, { VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b }, { VMCS_GUEST_TR_LIMIT, 0x67 },
};

static void start(void)
{
    record = (struct crash_record){ .magic = CRASH_MAGIC, .bytes = sizeof(record), .abi = CAP_ABI, .generation = 1, .kind = CRASH_ENTRY, .vector = CRASH_NO_VECTOR,
                                    .text = "L1 can't be entered", .machine = { .version = "1.2", .workload = "kvm" }, .event_count = CRASH_EVENTS };
    record.vmcs[0].kind = CRASH_VMCS_01;
    for (unsigned i = 0; i < sizeof(running) / sizeof(running[0]); i++)
        record.vmcs[0].field[running[i].field] = running[i].value;
    for (unsigned i = 0; i < CRASH_EVENTS; i++)
        record.event[i] = (struct event){ .tsc = i, .kind = EVENT_EXIT, .reason = EXIT_CPUID };
}

static char *written, why[REGION_WHY];

// What is said of so many bytes of the record, and more behind.
static const char *said(size_t bytes, size_t more)
{
    static const char zeros[64];
    size_t size;
    FILE *file = tmpfile(), *out;
    free(written);
    out = open_memstream(&written, &size);
    CHECK(file && out && fwrite(&record, 1, bytes, file) == bytes && fwrite(zeros, 1, more, file) == more);
    rewind(file);
    const char *wrong = crash_file_print(out, file, why);
    fclose(out);
    fclose(file);
    CHECK(!wrong || !written[0]);
    return wrong;
}

static const char *said_whole(void)
{
    record.checksum = crash_checksum(&record);
    return said(sizeof(record), 0);
}

TEST(a_record_in_a_file)
{
    start();
    CHECK(said_whole() == NULL);
    CHECK(strncmp(written, "failed VM entry on CPU 0, crash number 1, faults in that run: 0\nL1 can't be entered\n", 83) == 0);
    CHECK(strstr(written, "VMCS01, L1's:\n") && strstr(written, "GUEST_TR_ACCESS_RIGHTS       000000000000008b"));
    CHECK(strstr(written, "             0 CPU0 L1 CPUID ") && strstr(written, "            63 CPU0 L1 CPUID "));
    CHECK(strstr(written, "VM entry on VMCS01, L1's: none of the checks of guest state fails that need no knowledge of the CPU\n"));
}

TEST(the_check_that_fails_is_named)
{
    static const struct { enum vmcs_field field; uint64_t value; const char *check, *section; } row[] = {
        { VMCS_GUEST_TR_ACCESS_RIGHTS, 0x89, "guest_tr_rights", "27.3.1.2" },
        { VMCS_GUEST_RFLAGS, 0, "guest_rflags_reserved", "27.3.1.4" },
        { VMCS_GUEST_CR3, 1ull << 60, "guest_cr3", "27.3.1.1" },
    };
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        char text[120];
        start();
        record.vmcs[0].field[row[i].field] = row[i].value;
        record.vmcs[1] = record.vmcs[0];
        record.vmcs[1].kind = CRASH_VMCS_02;
        CHECK(said_whole() == NULL);
        snprintf(text, sizeof(text), "VM entry on VMCS01, L1's: refused by the check %s, SDM 3C %s\n", row[i].check, row[i].section);
        CHECK(strstr(written, text));
        snprintf(text, sizeof(text), "VM entry on VMCS02, the L2's: refused by the check %s, SDM 3C %s\n", row[i].check, row[i].section);
        CHECK(strstr(written, text));
    }
    start();
    record.vmcs[0].kind = CRASH_VMCS_SHADOW;  // no VMCS that is entered
    CHECK(said_whole() == NULL && strstr(written, "the shadow VMCS") && !strstr(written, "\nVM entry on"));
}

TEST(what_was_cut_off_is_not_shown)
{
    static const size_t bytes[] = { 0, 1, 8, 31, 32, 33, 4096, sizeof(record) / 2, sizeof(record) - 1 };
    start();
    record.checksum = crash_checksum(&record);
    for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        const char *wrong = said(bytes[i], 0);
        CHECK(wrong && strstr(wrong, bytes[i] < offsetof(struct crash_record, generation) ? "is no crash record" : "has less than the"));
    }
    CHECK(said(sizeof(record), 1) && strstr(why, "has more than the"));
}

TEST(what_is_damaged_is_not_shown)
{
    // Any bit of it.
    for (size_t at = offsetof(struct crash_record, generation); at < sizeof(record); at += 509) {
        start();
        record.checksum = crash_checksum(&record);
        ((uint8_t *)&record)[at] ^= 1;
        const char *wrong = said(sizeof(record), 0);
        CHECK(wrong && strstr(wrong, "damaged"));
    }
    start();
    CHECK(said(sizeof(record), 0) && !written[0]);  // no checksum
    start();
    record.magic ^= 1;
    CHECK(strstr(said_whole(), "is no crash record"));
    start();
    record.event_count = CRASH_EVENTS + 1;
    CHECK(strstr(said_whole(), "damaged"));
}

TEST(another_abi_is_named)
{
    char text[80];
    start();
    record.abi = CAP_ABI + 1;
    snprintf(text, sizeof(text), "is of ABI %u, this program is for ABI %u", CAP_ABI + 1, CAP_ABI);
    CHECK(strstr(said_whole(), text));
    CHECK(strstr(said(4096, 0), text));  // its size is another, too
}

TEST(nonsense_is_harmless)
{
    start();
    memset(record.text, '\033', sizeof(record.text));
    memset(record.partition, 'x', sizeof(record.partition));
    memset(record.vmcs, 0xff, sizeof(record.vmcs));
    memset(record.event, 0xff, sizeof(record.event));
    memset(&record.request, 0xff, sizeof(record.request));
    memset(record.machine.partition, 0xff, sizeof(record.machine.partition));
    record.kind = record.cpu = 0xffffffff;
    CHECK(said_whole() == NULL && !strchr(written, '\033') && strstr(written, "a VMCS of an unknown kind"));
    record.vmcs[0].kind = CRASH_VMCS_01;
    CHECK(said_whole() == NULL && strstr(written, "refused by the check "));
}
