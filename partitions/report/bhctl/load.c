// SPDX-License-Identifier: BSD-2-Clause
#include "load.h"

#include <stdio.h>
#include <string.h>

#include <caps/status.h>

#define DER_SEQUENCE 0x30
#define DER_INTEGER  0x02
#define NUMBER_BYTES (LOAD_KEY_BYTES / 2)

// Takes an element of that kind, whose length is one byte, off the front. NULL: there is none.
static const uint8_t *take(const uint8_t **at, const uint8_t *end, uint8_t kind, size_t *bytes)
{
    if (end - *at < 2 || (*at)[0] != kind || (*at)[1] >= 0x80 || (*at)[1] > end - *at - 2)
        return NULL;
    const uint8_t *inside = *at + 2;
    *bytes = (*at)[1];
    *at = inside + *bytes;
    return inside;
}

// One that isn't negative and has no byte too many, with zeroes in front.
static bool take_number(const uint8_t **at, const uint8_t *end, uint8_t number[NUMBER_BYTES])
{
    size_t bytes;
    const uint8_t *inside = take(at, end, DER_INTEGER, &bytes);
    if (!inside || bytes == 0 || inside[0] >= 0x80 || (inside[0] == 0 && bytes > 1 && inside[1] < 0x80))
        return false;
    if (inside[0] == 0)
        inside++, bytes--;
    if (bytes > NUMBER_BYTES)
        return false;
    memset(number, 0, NUMBER_BYTES);
    memcpy(number + NUMBER_BYTES - bytes, inside, bytes);
    return true;
}

const char *load_signature(const uint8_t *der, size_t bytes, uint64_t signature[SIGNATURE_WORDS])
{
    uint8_t raw[2 * NUMBER_BYTES];
    const uint8_t *at = der, *end = der + bytes;
    size_t inside_bytes;
    const uint8_t *inside = take(&at, end, DER_SEQUENCE, &inside_bytes);
    if (!inside || at != end || !take_number(&inside, end, raw) || !take_number(&inside, end, raw + NUMBER_BYTES) || inside != end)
        return "the signature isn't one of ECDSA on P-256 as `./bulkhead sign` writes it";
    memcpy(signature, raw, sizeof(raw));
    return NULL;
}

const char *load_name(const char *word, uint64_t name[CAP_NAME / sizeof(uint64_t)], char why[REGION_WHY])
{
    const size_t length = strlen(word);
    memset(name, 0, CAP_NAME);
    if (length == 0 || length >= CAP_NAME) {
        snprintf(why, REGION_WHY, "a partition's name has 1 to %u characters: '%.40s'", CAP_NAME - 1, word);
        return why;
    }
    memcpy(name, word, length);
    return NULL;
}

// What an answer means that isn't STATUS_OK.
static const char *refused(uint64_t answer, const char *bad_state, const char *busy, char why[REGION_WHY])
{
    switch (answer) {
    case STATUS_OK: return NULL;
    case UINT32_MAX: return "the partition verify is not loaded: `loadable` and `partitions` of the workload in bulkhead.conf name what may be loaded, and verify";
    case STATUS_DENIED: return "refused: the file's signature is not one by the load_key of bulkhead.conf";
    case STATUS_BAD_IMAGE: return "refused: the file is not that of a loadable partition of this boot";
    case STATUS_FAULTED: return "the partition does not start, or is parked: Bulkhead's log says why";
    case STATUS_BAD_STATE: return bad_state;
    case STATUS_BUSY: return busy;
    default: snprintf(why, REGION_WHY, "Bulkhead refuses it: status %llu", (unsigned long long)answer); return why;
    }
}

const char *load_file(load_call_t *call, const uint8_t *file, size_t bytes, const uint64_t signature[SIGNATURE_WORDS], uint32_t *partition,
                      char why[REGION_WHY])
{
    static const char busy[] = "something else is being loaded or unloaded: try again";
    uint64_t rbx, block[LOAD_BLOCK / sizeof(uint64_t)];
    for (size_t at = 0; at < bytes; at += LOAD_BLOCK) {
        const size_t length = bytes - at < LOAD_BLOCK ? bytes - at : LOAD_BLOCK;
        memset(block, 0, sizeof(block));
        memcpy(block, file + at, length);
        rbx = at;
        const char *wrong = refused(call(HYPERCALL_LOAD_BLOCK, &rbx, length, block), busy, busy, why);
        if (wrong)
            return wrong;
    }
    rbx = 0;
    const char *wrong = refused(call(HYPERCALL_LOAD_BEGIN, &rbx, 0, signature), "it is loaded already", busy, why);
    *partition = (uint32_t)rbx;
    return wrong;
}

const char *load_end(load_call_t *call, const char *name, char why[REGION_WHY])
{
    uint64_t rbx = 0, block[LOAD_BLOCK / sizeof(uint64_t)] = { 0 };
    const char *wrong = load_name(name, block, why);
    if (wrong)
        return wrong;
    const uint64_t answer = call(HYPERCALL_LOAD_END, &rbx, 0, block);
    if (answer == STATUS_BAD_ARG) {
        snprintf(why, REGION_WHY, "there is no loadable partition '%.40s'", name);
        return why;
    }
    return refused(answer, "it is not loaded", "it is in use: a page of this system is still its own (of trustvisor: a PAL is registered)", why);
}
