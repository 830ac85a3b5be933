// SPDX-License-Identifier: BSD-2-Clause
// What the loader makes of a TPM's secrets when anything fails on the way: none of them reaches a partition, and the PCR is closed.
#include <stdio.h>
#include <string.h>

#include <caps/layout.h>

#include "../../../kernel/loader/firmware.h"
#include "../../../kernel/loader/measure.h"
#include "../../../kernel/loader/tcg2.h"
#include "../../../kernel/partition.h"
#include "check.h"
#include "console_fake.h"
#include "tpm_fake.h"

// Commands to the TPM until the secret of the first, and of the second partition is there.
#define FIRST_SECRET  9u
#define SECOND_SECRET 12u

static struct tpm hardware;
static struct tpm_fake fake;
static bool on_bulkhead;
static struct tcg2_capability capable = { .bytes = sizeof(capable), .present = TRUE, .command_bytes = 4096, .response_bytes = 4096, .active_banks = TCG2_BANK_SHA256 };
static EFI_STATUS located, asked;
static unsigned measured, fails_at;     // events; the one that fails, from 1 on
static bool extends_nothing;
static UINT32 room;                     // for the last answer

static struct load load;
static struct boot_info info;
static struct seed given[3];

bool vtx_on_bulkhead(void) { return on_bulkhead; }

static EFI_STATUS EFIAPI capability(struct tcg2 *self, struct tcg2_capability *out)
{
    (void)self;
    *out = capable;
    return asked;
}

static EFI_STATUS EFIAPI measure_event(struct tcg2 *self, UINT64 flags, UINT64 data, UINT64 bytes, struct tcg2_event *event)
{
    (void)self;
    CHECK(flags == 0 && data != 0 && bytes != 0 && event->header.pcr == TPM_PCR_OWN && event->bytes > sizeof(*event));
    if (++measured == fails_at)
        return EFI_DEVICE_ERROR;
    fake.extended += !extends_nothing;
    return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI submit(struct tcg2 *self, UINT32 command_bytes, UINT8 *command, UINT32 response_bytes, UINT8 *response)
{
    (void)self;
    room = response_bytes;
    CHECK(response_bytes <= TPM_BYTES);
    if (response_bytes >= capable.response_bytes)
        return EFI_INVALID_PARAMETER;  // EDK2's rule
    return hardware.submit(&hardware, command, command_bytes, response) ? EFI_SUCCESS : EFI_DEVICE_ERROR;
}

static struct tcg2 tcg2 = { .capability = capability, .measure = measure_event, .submit = submit };

static EFI_STATUS EFIAPI locate(EFI_GUID *guid, void *registration, void **interface)
{
    static const EFI_GUID wanted = TCG2_GUID;
    CHECK(memcmp(guid, &wanted, sizeof(wanted)) == 0 && !registration);
    *interface = &tcg2;
    return located;
}

static EFI_STATUS EFIAPI stall(UINTN microseconds)
{
    (void)microseconds;
    return EFI_SUCCESS;
}

static EFI_BOOT_SERVICES boot = { .LocateProtocol = (void *)locate, .Stall = (void *)stall };
struct firmware firmware = { .boot = &boot };

// Partitions 0 and 2 want a seed. Boots up to where the partitions have theirs.
static void boots(void)
{
    tpm_fake_start(&hardware, &fake);
    load.partition_count = info.partition_count = 3;
    for (unsigned i = 0; i < 3; i++) {
        snprintf(load.image[i].header.name, sizeof(load.image[i].header.name), "%c", 'a' + i);
        load.image[i].header.seed = i == 1 ? 0 : STATE_BASE + 8;
        load.image[i].space.state.v = (uintptr_t)&given[i] - 8;
        info.partition[i] = load.image[i];
        memset(&given[i], 0xcc, sizeof(given[i]));
    }
    measure_start();
    measure("bulkhead.conf", "text", 4);
}

static bool none(const struct seed *seed)
{
    static const uint8_t zero[SEED_BYTES];
    return memcmp(seed->secret, zero, SEED_BYTES) == 0;
}

static void gives(void)
{
    measure_seeds(&load);
    measure_give(&info);
    CHECK(given[1].origin == 0xcccccccc);  // didn't ask for any
}

static void gives_nothing(enum seed_origin origin)
{
    gives();
    CHECK(none(&given[0]) && none(&given[2]));
    CHECK(given[0].origin == origin && given[2].origin == origin);
    CHECK(fake.sessions == 0 && fake.keys == 0);
    measure_close();
}

TEST(who_asks_for_a_secret_gets_one)
{
    boots();
    gives();
    CHECK(given[0].origin == SEED_TPM && given[2].origin == SEED_TPM && !none(&given[0]) && !none(&given[2]));
    CHECK(given[0].noise_bytes == SEED_BYTES && given[0].noise[0] == 0x77);
    CHECK(measured == 2 && fake.extended == 2 && line[0] == 0 && fake.sessions == 0 && fake.keys == 0);
    measure_close();
    CHECK_EQ(measured, 2);  // closed already
    measure_give(&info);    // forgotten
    CHECK(none(&given[0]) && none(&given[2]) && given[0].origin == SEED_NONE);
}

// What is loaded later finds its seed then, each time: the kernel has it.
TEST(the_seed_of_a_loadable_partition_is_the_kernels_to_give)
{
    static struct partition all[3];
    boots();
    info.partitions = (uintptr_t)all;
    info.loadable = 1u << 2;
    gives();
    CHECK(given[0].origin == SEED_TPM && !none(&given[0]) && none(&all[0].seed));
    CHECK(all[2].seed.origin == SEED_TPM && !none(&all[2].seed) && given[2].origin == 0xcccccccc);
    measure_close();
}

TEST(secrets_of_a_launch_that_failed_are_forgotten)
{
    boots();
    measure_seeds(&load);
    measure_forget();
    measure_give(&info);
    CHECK(none(&given[0]) && none(&given[2]) && given[2].origin == SEED_NONE);
}

TEST(without_a_measurement_there_is_no_secret)
{
    fails_at = 1;
    boots();
    gives_nothing(SEED_UNUSABLE);
    CHECK(strstr(line, "the firmware does not measure") && measured == 2);
}

TEST(a_pcr_that_could_not_be_closed)
{
    fails_at = 2;
    boots();
    gives_nothing(SEED_UNUSABLE);
    CHECK(strstr(line, "the firmware does not measure"));
}

TEST(a_pcr_that_stays_what_it_was)
{
    extends_nothing = true;
    boots();
    gives_nothing(SEED_UNUSABLE);
    CHECK(strstr(line, "its PCR 8 could not be closed"));
}

static void breaks(uint8_t *response, uint32_t code)
{
    CHECK_EQ(code, TPM_CC_HMAC);
    response[9] = 1;
    fake.sessions++;  // goes on after an error
}

TEST(no_secret_for_one_is_none_for_all)
{
    boots();
    fake.change_at = SECOND_SECRET;
    fake.change = breaks;
    gives_nothing(SEED_UNUSABLE);
    CHECK(strstr(line, "TPM2_HMAC") && fake.extended == 2);
}

TEST(none_for_the_first)
{
    boots();
    fake.change_at = FIRST_SECRET;
    fake.change = breaks;
    gives_nothing(SEED_UNUSABLE);
    CHECK_EQ(fake.extended, 2);
}

TEST(a_bank_that_is_off)
{
    capable.active_banks = 1;
    boots();
    gives_nothing(SEED_UNUSABLE);
    CHECK(strstr(line, "SHA-256") && measured == 2);
}

TEST(commands_or_answers_that_are_too_short)
{
    static const struct { UINT16 command, response; UINT32 room; } row[] = { { 0, 0, 0 }, { 4096, 0, 0 }, { 4096, 1, 0 }, { 4096, 512, 511 }, { 512, 4096, TPM_BYTES } };
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        capable.command_bytes = row[i].command;
        capable.response_bytes = row[i].response;
        line[0] = 0;
        boots();
        gives();
        CHECK(given[0].origin == SEED_UNUSABLE && none(&given[0]) && strstr(line, "as long as needed"));
        CHECK_EQ(room, row[i].room);
    }
}

static void gives_with(UINT16 response_bytes, UINT32 expected)
{
    capable.response_bytes = response_bytes;
    boots();
    gives();
    CHECK(given[0].origin == SEED_TPM && !none(&given[0]));
    CHECK_EQ(room, expected);
}

TEST(answers_that_are_just_long_enough) { gives_with(513, 512); }
TEST(answers_as_long_as_there_is_room) { gives_with(TPM_BYTES, TPM_BYTES - 1); }
TEST(answers_longer_than_there_is_room) { gives_with(0xffff, TPM_BYTES); }

TEST(no_tpm)
{
    located = EFI_NOT_FOUND;
    boots();
    gives_nothing(SEED_NO_TPM);
    CHECK(measured == 0 && fake.commands == 0 && line[0] == 0 && given[0].noise_bytes == 0);
}

TEST(a_tpm_that_is_not_there)
{
    capable.present = FALSE;
    boots();
    gives_nothing(SEED_NO_TPM);
    CHECK(measured == 0 && fake.commands == 0);
}

TEST(firmware_that_does_not_answer)
{
    asked = EFI_DEVICE_ERROR;
    boots();
    gives_nothing(SEED_NO_TPM);
    CHECK(measured == 0 && fake.commands == 0);
}

TEST(on_another_bulkhead_the_tpm_is_not_touched)
{
    on_bulkhead = true;
    boots();
    gives();
    measure_close();
    CHECK(measured == 0 && fake.commands == 0 && none(&given[0]));
}
