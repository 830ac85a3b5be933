// SPDX-License-Identifier: BSD-2-Clause
// PCRs, composites, quotes.
#include "utpm.h"

#include <bearssl.h>
#include <rt/string.h>

#include "hash.h"
#include "identity.h"

enum tv_result utpm_extended(const struct utpm *utpm, uint32_t pcr, const uint8_t measurement[TV_HASH_BYTES], uint8_t out[TV_HASH_BYTES])
{
    if (pcr >= TV_PCRS)
        return TV_PCR_OUT_OF_RANGE;
    hash_two(utpm->pcr[pcr], TV_HASH_BYTES, measurement, TV_HASH_BYTES, out);
    return TV_OK;
}

uint32_t utpm_composite(const struct utpm *utpm, const struct tv_selection *selection, uint8_t out[TV_COMPOSITE_MAX])
{
    const uint32_t map_bytes = selection->bytes;
    if (map_bytes > sizeof(selection->map))
        return 0;
    uint32_t used = (uint32_t)sizeof(selection->bytes) + map_bytes, values = 0;
    memcpy(out, selection, used);
    uint8_t *length = &out[used];
    used += 4;
    for (uint32_t pcr = 0; pcr < map_bytes * 8; pcr++) {
        if (selection->map[pcr / 8] >> pcr % 8 & 1) {
            memcpy(&out[used + values], utpm->pcr[pcr], TV_HASH_BYTES);
            values += TV_HASH_BYTES;
        }
    }
    for (unsigned i = 0; i < 4; i++)
        length[i] = (uint8_t)(values >> (24 - 8 * i));
    return used + values;
}

enum tv_result utpm_quote(const uint8_t *composite, uint32_t composite_bytes, const uint8_t nonce[TV_HASH_BYTES],
                          uint8_t signature[TV_SIGNATURE_BYTES])
{
    struct tv_quote_info info = { .version = { 1, 1, 0, 0 }, .fixed = { 'Q', 'U', 'O', 'T' } };
    hash_one(composite, composite_bytes, info.composite);
    memcpy(info.nonce, nonce, TV_HASH_BYTES);
    return identity_sign(&info, sizeof(info), signature);
}

enum tv_result utpm_quote_old(const struct utpm *utpm, const uint32_t *selection, const uint8_t nonce[TV_HASH_BYTES],
                              uint8_t out[UTPM_OLD_QUOTE_MAX], uint32_t *out_bytes)
{
    static const uint8_t head[8] = { 1, 1, 0, 0, 'Q', 'U', 'O', 'T' };
    const uint32_t count = selection[0];
    if (count > UTPM_OLD_PCRS)
        return TV_BAD_PARAM;
    uint32_t used = sizeof(head);
    memcpy(out, head, sizeof(head));
    memcpy(&out[used], selection, (1 + count) * sizeof(*selection));
    used += (1 + count) * (uint32_t)sizeof(*selection);
    for (uint32_t i = 0; i < count; i++, used += TV_HASH_BYTES) {
        if (selection[1 + i] >= TV_PCRS)
            return TV_PCR_OUT_OF_RANGE;
        memcpy(&out[used], utpm->pcr[selection[1 + i]], TV_HASH_BYTES);
    }
    memcpy(&out[used], nonce, TV_HASH_BYTES);
    used += TV_HASH_BYTES;
    const enum tv_result result = identity_sign(out, used, &out[used]);
    if (result != TV_OK)
        return result;
    used += TV_SIGNATURE_BYTES;
    memcpy(&out[used], identity_modulus(), TV_SIGNATURE_BYTES);
    *out_bytes = used + TV_SIGNATURE_BYTES;
    return TV_OK;
}
