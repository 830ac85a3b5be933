// SPDX-License-Identifier: BSD-2-Clause
#include "utpm_call.h"

#include <rt/state.h>
#include <rt/string.h>

#include "identity.h"
#include "nvram.h"
#include "random.h"

// A buffer of a PAL's: where it lies, and what its second word says.
struct buffer { uint64_t address, value; };

static bool get_buffer(const struct pal *pal, uint64_t at, struct buffer *buffer)
{
    struct tv_buffer32 narrow;
    struct tv_buffer64 wide;
    if (pal->word == 8) {
        if (!pal_read(pal, at, &wide, sizeof(wide)))
            return false;
        *buffer = (struct buffer){ wide.address, wide.value };
        return true;
    }
    if (!pal_read(pal, at, &narrow, sizeof(narrow)))
        return false;
    *buffer = (struct buffer){ narrow.address, narrow.value };
    return true;
}

// What an input buffer holds, at most capacity bytes.
static bool get_input(const struct pal *pal, uint64_t at, void *to, uint32_t capacity, uint32_t *bytes)
{
    struct buffer buffer;
    if (!get_buffer(pal, at, &buffer) || buffer.value > capacity)
        return false;
    *bytes = (uint32_t)buffer.value;
    return pal_read(pal, buffer.address, to, *bytes);
}

// Into an output buffer; where it is too small only the size that is needed, and false. strict: the capacity counts (the oldest calls never set it).
static bool put_output(const struct pal *pal, uint64_t at, const void *from, uint32_t bytes, bool strict)
{
    struct buffer buffer;
    uint32_t capacity;
    if (!get_buffer(pal, at, &buffer) || !pal_read(pal, buffer.value, &capacity, sizeof(capacity)))
        return false;
    const bool fits = !strict || bytes <= capacity;
    return (!fits || pal_write(pal, buffer.address, from, bytes)) && pal_write(pal, buffer.value, &bytes, sizeof(bytes)) && fits;
}

static enum tv_result pcr_read(struct pal *pal, const struct utpm_arguments *a)
{
    const uint32_t pcr = (uint32_t)a->ecx;
    if (pcr >= TV_PCRS)
        return TV_PCR_OUT_OF_RANGE;
    return pal_write(pal, a->edx, pal->utpm.pcr[pcr], TV_HASH_BYTES) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result pcr_extend(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t measurement[TV_HASH_BYTES];
    _Alignas(8) uint8_t value[TV_HASH_BYTES];
    const uint32_t pcr = (uint32_t)a->ecx;
    if (pcr >= TV_PCRS)
        return TV_PCR_OUT_OF_RANGE;
    if (!pal_read(pal, a->edx, measurement, sizeof(measurement)))
        return TV_BAD_PARAM;
    const enum tv_result result = utpm_extended(&pal->utpm, pcr, measurement, value);
    if (result == TV_OK)
        state_copy(pal->utpm.pcr[pcr], value, sizeof(value));
    return result;
}

static enum tv_result random_call(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t bytes[256];
    uint32_t count;
    if (!pal_read(pal, a->edx, &count, sizeof(count)) || count > TV_RANDOM_MAX)
        return TV_BAD_PARAM;
    for (uint32_t done = 0, piece; done < count; done += piece) {
        piece = count - done < sizeof(bytes) ? count - done : (uint32_t)sizeof(bytes);
        if (!random_bytes(bytes, piece))
            return TV_INSUFFICIENT_ENTROPY;
        if (!pal_write(pal, a->ecx + done, bytes, piece))
            return TV_BAD_PARAM;
    }
    return TV_OK;
}

static enum tv_result seal(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t data[TV_SEAL_DATA_MAX], blob[TV_SEALED_MAX];
    struct tv_pcr_info info;
    uint32_t bytes, blob_bytes;
    if (!get_input(pal, a->ecx, data, sizeof(data), &bytes) || !pal_read(pal, a->edx, &info, sizeof(info)))
        return TV_BAD_PARAM;
    const enum tv_result result = utpm_seal(&pal->utpm, &info, data, bytes, blob, &blob_bytes);
    if (result != TV_OK)
        return result;
    return put_output(pal, a->esi, blob, blob_bytes, false) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result unseal(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t blob[TV_SEALED_MAX], creation[TV_HASH_BYTES];
    uint32_t blob_bytes, at, bytes;
    if (!get_input(pal, a->ecx, blob, sizeof(blob), &blob_bytes))
        return TV_BAD_PARAM;
    const enum tv_result result = utpm_unseal(&pal->utpm, blob, blob_bytes, &at, &bytes, creation);
    if (result != TV_OK)
        return result;
    return put_output(pal, a->edx, &blob[at], bytes, false) && pal_write(pal, a->esi, creation, sizeof(creation)) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result seal_old(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t data[TV_SEAL_DATA_MAX], blob[TV_SEALED_MAX], release[TV_HASH_BYTES];
    uint32_t bytes, blob_bytes;
    memcpy(release, pal->utpm.pcr[0], sizeof(release));
    if (!get_input(pal, a->ecx, data, sizeof(data), &bytes) || (a->edx != 0 && !pal_read(pal, a->edx, release, sizeof(release))))
        return TV_BAD_PARAM;
    const enum tv_result result = utpm_seal_old(release, data, bytes, blob, &blob_bytes);
    if (result != TV_OK)
        return result;
    return put_output(pal, a->esi, blob, blob_bytes, false) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result unseal_old(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t blob[TV_SEALED_MAX];
    uint32_t blob_bytes, at, bytes;
    if (!get_input(pal, a->ecx, blob, sizeof(blob), &blob_bytes))
        return TV_BAD_PARAM;
    const enum tv_result result = utpm_unseal_old(&pal->utpm, blob, blob_bytes, &at, &bytes);
    if (result != TV_OK)
        return result;
    return put_output(pal, a->edx, &blob[at], bytes, false) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result quote(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t nonce[TV_HASH_BYTES], composite[TV_COMPOSITE_MAX], signature[TV_SIGNATURE_BYTES];
    struct tv_selection selection;
    if (!pal_read(pal, a->esi, nonce, sizeof(nonce)) || !pal_read(pal, a->ecx, &selection, sizeof(selection)))
        return TV_BAD_PARAM;
    const uint32_t bytes = utpm_composite(&pal->utpm, &selection, composite);
    if (bytes == 0 || !put_output(pal, a->edi, composite, bytes, true))
        return TV_BAD_PARAM;
    const enum tv_result result = utpm_quote(composite, bytes, nonce, signature);
    if (result != TV_OK)
        return result;
    return put_output(pal, a->edx, signature, sizeof(signature), true) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result quote_old(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t nonce[TV_HASH_BYTES], out[UTPM_OLD_QUOTE_MAX];
    uint32_t selection[1 + UTPM_OLD_PCRS], bytes;
    if (!pal_read(pal, a->esi, nonce, sizeof(nonce)) || !pal_read(pal, a->ecx, &selection[0], sizeof(selection[0])) ||
        selection[0] > UTPM_OLD_PCRS || !pal_read(pal, a->ecx + 4, &selection[1], selection[0] * 4))
        return TV_BAD_PARAM;
    const enum tv_result result = utpm_quote_old(&pal->utpm, selection, nonce, out, &bytes);
    if (result != TV_OK)
        return result;
    return put_output(pal, a->edx, out, bytes, false) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result public_key(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t der[IDENTITY_DER_MAX];
    uint32_t capacity;
    if (!pal_read(pal, a->edx, &capacity, sizeof(capacity)))
        return TV_BAD_PARAM;
    if (!identity_make())
        return TV_INSUFFICIENT_ENTROPY;
    const uint32_t bytes = identity_public_der(der);
    if (a->ecx != 0 && bytes <= capacity && !pal_write(pal, a->ecx, der, bytes))
        return TV_BAD_PARAM;
    return pal_write(pal, a->edx, &bytes, sizeof(bytes)) && (a->ecx == 0 || bytes <= capacity) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result nv_size(struct pal *pal, const struct utpm_arguments *a)
{
    static const uint32_t bytes = TV_NV_BYTES;
    return pal_write(pal, a->ecx, &bytes, sizeof(bytes)) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result nv_read(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t data[TV_NV_BYTES];
    const enum tv_result result = nvram_read(pal_number(pal), pal->utpm.pcr[0], data);
    if (result != TV_OK)
        return result;
    return pal_write(pal, a->ecx, data, sizeof(data)) ? TV_OK : TV_BAD_PARAM;
}

static enum tv_result nv_write(struct pal *pal, const struct utpm_arguments *a)
{
    uint8_t data[TV_NV_BYTES];
    return pal_read(pal, a->ecx, data, sizeof(data)) ? nvram_write(pal_number(pal), pal->utpm.pcr[0], data) : TV_BAD_PARAM;
}

uint32_t utpm_call(struct pal *pal, enum tv_call number, const struct utpm_arguments *argument)
{
    switch (number) {
    case TV_CALL_SEAL_OLD: return seal_old(pal, argument);
    case TV_CALL_UNSEAL_OLD: return unseal_old(pal, argument);
    case TV_CALL_QUOTE_OLD: return quote_old(pal, argument);
    case TV_CALL_PCR_READ: return pcr_read(pal, argument);
    case TV_CALL_PCR_EXTEND: return pcr_extend(pal, argument);
    case TV_CALL_RANDOM: return random_call(pal, argument);
    case TV_CALL_SEAL: return seal(pal, argument);
    case TV_CALL_UNSEAL: return unseal(pal, argument);
    case TV_CALL_QUOTE: return quote(pal, argument);
    case TV_CALL_PUBLIC_KEY: return public_key(pal, argument);
    case TV_CALL_NV_SIZE: return nv_size(pal, argument);
    case TV_CALL_NV_READ: return nv_read(pal, argument);
    case TV_CALL_NV_WRITE: return nv_write(pal, argument);
    default: return TV_ERROR;  // what only the program may do
    }
}
