// SPDX-License-Identifier: BSD-2-Clause
// The firmware is asked to write over memory, and whatever it answers is said as it is.
#include <string.h>

#include "../../../kernel/loader/firmware.h"
#include "../../../kernel/loader/overwrite.h"
#include "check.h"
#include "console_fake.h"

#define ATTRIBUTES 7u  // non-volatile, at boot and at run time

struct variable {
    bool there;
    UINTN bytes;
    UINT8 value;
    EFI_STATUS refuses;
    bool forgets;      // says that it was written, and has the old value
    unsigned writes;
};
static struct variable control, lock;
static unsigned reads;
static struct load load;

static bool is(const CHAR16 *name, const char *text)
{
    while (*text && *name == (CHAR16)*text)
        name++, text++;
    return *name == 0 && *text == 0;
}

static struct variable *variable(const CHAR16 *name, const EFI_GUID *guid)
{
    static const EFI_GUID guids[2] = { { 0xe20939be, 0x32d4, 0x41be, { 0xa1, 0x50, 0x89, 0x7f, 0x85, 0xd4, 0x98, 0x29 } },
                                       { 0xbb983ccf, 0x151d, 0x40e1, { 0xa0, 0x7b, 0x4a, 0x17, 0xbe, 0x16, 0x82, 0x92 } } };
    const bool is_lock = is(name, "MemoryOverwriteRequestControlLock");
    CHECK(is_lock || is(name, "MemoryOverwriteRequestControl"));
    CHECK(memcmp(guid, &guids[is_lock], sizeof(*guid)) == 0);
    return is_lock ? &lock : &control;
}

static EFI_STATUS EFIAPI get(CHAR16 *name, EFI_GUID *guid, UINT32 *attributes, UINTN *bytes, VOID *data)
{
    const struct variable *v = variable(name, guid);
    reads++;
    if (!v->there)
        return EFI_NOT_FOUND;
    if (*bytes < v->bytes) {
        *bytes = v->bytes;
        return EFI_BUFFER_TOO_SMALL;
    }
    *bytes = v->bytes;
    *attributes = ATTRIBUTES;
    memcpy(data, &v->value, v->bytes);
    return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI set(CHAR16 *name, EFI_GUID *guid, UINT32 attributes, UINTN bytes, VOID *data)
{
    struct variable *v = variable(name, guid);
    CHECK(v->there);  // none is made
    CHECK(attributes == ATTRIBUTES && bytes == 1);
    v->writes++;
    if (EFI_ERROR(v->refuses))
        return v->refuses;
    CHECK(v != &control || lock.value == 0);
    if (!v->forgets)
        memcpy(&v->value, data, 1);
    return EFI_SUCCESS;
}

static void start(void)
{
    static EFI_RUNTIME_SERVICES services;
    static EFI_SYSTEM_TABLE system;
    services.GetVariable = get;
    services.SetVariable = set;
    system.RuntimeServices = &services;
    firmware.system = &system;
    control = lock = (struct variable){ .there = true, .bytes = 1 };
    line[0] = 0;
    reads = 0;
    load.partition_count = 2;
    load.image[0].header.rights = RIGHT_LOG;
    load.image[1].header.rights = RIGHT_LOG | RIGHT_SECRETS;
}

struct firmware firmware;

#define LOCKED  "memory: the firmware writes over it at the next boot, whatever resets the machine"
#define OPEN    "memory: the firmware writes over it at the next boot, unless L1 takes the request back: it has no lock"
#define REFUSED "memory: the firmware could write over it at the next boot, and doesn't take the request"

TEST(it_is_asked_for_and_locked)
{
    start();
    control.value = 0x10;  // DisableAutoDetect is the firmware's and the system's business
    overwrite_request(&load);
    CHECK(control.value == 0x11 && lock.value == 1);
    CHECK(strcmp(line, LOCKED) == 0);
    // The next one, as an inner Bulkhead: nothing is to be done, and nothing would be let.
    line[0] = 0;
    control.refuses = lock.refuses = EFI_ACCESS_DENIED;
    lock.value = 2;  // with a key
    overwrite_request(&load);
    CHECK(control.writes == 1 && lock.writes == 1);
    CHECK(strcmp(line, LOCKED) == 0);
}

TEST(without_secrets_nothing_is_asked)
{
    start();
    load.partition_count = 1;
    overwrite_request(&load);
    CHECK(reads == 0 && control.writes == 0 && lock.writes == 0 && line[0] == 0);
}

TEST(firmware_that_does_not_offer_it_gets_no_variable)
{
    start();
    control.there = false;
    overwrite_request(&load);
    CHECK(control.writes == 0 && lock.writes == 0 && line[0] == 0);
    for (UINTN bytes = 0; bytes < 4; bytes += 2) {  // somebody else's of that name
        start();
        control.bytes = bytes;
        overwrite_request(&load);
        CHECK(control.writes == 0 && lock.writes == 0 && line[0] == 0);
    }
}

TEST(without_a_lock_it_says_so)
{
    start();
    lock.there = false;
    overwrite_request(&load);
    CHECK(control.value == 1 && strcmp(line, OPEN) == 0);
    start();
    lock.refuses = EFI_INVALID_PARAMETER;
    overwrite_request(&load);
    CHECK(control.value == 1 && strcmp(line, OPEN) == 0);
    start();
    lock.forgets = true;
    overwrite_request(&load);
    CHECK(control.value == 1 && strcmp(line, OPEN) == 0);
    start();
    lock.bytes = 8;
    overwrite_request(&load);
    CHECK(control.value == 1 && strcmp(line, OPEN) == 0);
}

TEST(firmware_that_does_not_take_it_is_not_believed_and_not_locked)
{
    static const EFI_STATUS refuses[] = { EFI_WRITE_PROTECTED, EFI_ACCESS_DENIED, EFI_OUT_OF_RESOURCES, EFI_SUCCESS };
    for (unsigned i = 0; i < sizeof(refuses) / sizeof(refuses[0]); i++) {
        start();
        control.refuses = refuses[i];
        control.forgets = refuses[i] == EFI_SUCCESS;
        overwrite_request(&load);
        CHECK(control.writes == 1 && lock.writes == 0);
        CHECK(strcmp(line, REFUSED) == 0);
    }
}
