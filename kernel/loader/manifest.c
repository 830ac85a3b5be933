// SPDX-License-Identifier: BSD-2-Clause
// Checks files against the manifest with BLAKE2b (RFC 7693) of libb2: a third of SHA-512's instructions, and a boot's largest part.
#include "manifest.h"

#include <blake2.h>

#include "manifest_table.h"
#include "msr.h"
#include "text.h"

// The variant in portable C. The library's own choice asks for vector units that the firmware may not have turned on.
int blake2b_init_ref(blake2b_state *state, size_t out_bytes);
int blake2b_update_ref(blake2b_state *state, const uint8_t *data, size_t bytes);
int blake2b_final_ref(blake2b_state *state, uint8_t *out, size_t out_bytes);

#define DIGEST sizeof(manifest_entries[0].blake2b)

// Debian's libb2.a is built with the stack protector, which reads its canary at FS:0x28. UEFI leaves FS' base at 0, and some
// firmware leaves page 0 unmapped: so FS' base leads to some memory of ours meanwhile.
static void hash(const void *data, size_t bytes, uint8_t out[DIGEST])
{
    static uint8_t canary[64];
    uint64_t fs_base = msr_read(MSR_FS_BASE);
    msr_write(MSR_FS_BASE, (uint64_t)(uintptr_t)canary);
    blake2b_state state;
    (void)blake2b_init_ref(&state, DIGEST);
    (void)blake2b_update_ref(&state, data, bytes);
    (void)blake2b_final_ref(&state, out, DIGEST);
    msr_write(MSR_FS_BASE, fs_base);
}

void manifest_file(char file[MANIFEST_FILE], const char *partition) { text_format(file, MANIFEST_FILE, "%s.elf", partition); }

static const struct manifest_entry *find(const char *name)
{
    const struct manifest_entry *entry = manifest_entries;
    while (entry->name && !text_equal(entry->name, name))
        entry++;
    return entry;
}

const uint8_t *manifest_sha256(const char *name) { return find(name)->sha256; }

bool manifest_check(const char *name, const void *data, size_t bytes, char why[MANIFEST_WHY])
{
    const struct manifest_entry *entry = find(name);
    if (!entry->name)
        return text_format(why, MANIFEST_WHY, "isn't in the manifest of this bulkhead.efi") == 0;
    if (bytes < entry->bytes)
        return text_format(why, MANIFEST_WHY, "is truncated: %llu bytes, not %llu", (unsigned long long)bytes,
                           (unsigned long long)entry->bytes) == 0;
    uint8_t digest[DIGEST], difference = bytes != entry->bytes;
    hash(data, bytes, digest);
    for (unsigned i = 0; i < sizeof(digest); i++)
        difference = (uint8_t)(difference | (digest[i] ^ entry->blake2b[i]));
    if (difference)
        return text_format(why, MANIFEST_WHY, "is damaged: its BLAKE2b is not the manifest's") == 0;
    return true;
}
