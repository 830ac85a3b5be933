// SPDX-License-Identifier: BSD-2-Clause
// Checks files against the manifest with BearSSL's SHA-512, which takes two thirds of SHA-256's instructions.
#include "manifest.h"

#include <bearssl/bearssl_hash.h>

#include "manifest_table.h"
#include "msr.h"
#include "text.h"

#define DIGEST sizeof(manifest_entries[0].sha512)

// Debian's libbearssl.a is built with the stack protector, which reads its canary at FS:0x28. UEFI leaves FS' base at 0, and some
// firmware leaves page 0 unmapped: so FS' base leads to some memory of ours meanwhile.
static void hash(const void *data, size_t bytes, uint8_t out[DIGEST])
{
    static uint8_t canary[64];
    uint64_t fs_base = msr_read(MSR_FS_BASE);
    msr_write(MSR_FS_BASE, (uint64_t)(uintptr_t)canary);
    br_sha512_context context;
    br_sha512_init(&context);
    br_sha512_update(&context, data, bytes);
    br_sha512_out(&context, out);
    msr_write(MSR_FS_BASE, fs_base);
}

bool manifest_check(const char *name, const void *data, size_t bytes, char why[MANIFEST_WHY])
{
    const struct manifest_entry *entry = manifest_entries;
    while (entry->name && !text_equal(entry->name, name))
        entry++;
    if (!entry->name)
        return text_format(why, MANIFEST_WHY, "isn't in the manifest of this bulkhead.efi") == 0;
    if (bytes < entry->bytes)
        return text_format(why, MANIFEST_WHY, "is truncated: %llu bytes, not %llu", (unsigned long long)bytes,
                           (unsigned long long)entry->bytes) == 0;
    uint8_t digest[DIGEST], difference = bytes != entry->bytes;
    hash(data, bytes, digest);
    for (unsigned i = 0; i < sizeof(digest); i++)
        difference = (uint8_t)(difference | (digest[i] ^ entry->sha512[i]));
    if (difference)
        return text_format(why, MANIFEST_WHY, "is damaged: its SHA-512 is not the manifest's") == 0;
    return true;
}
