// SPDX-License-Identifier: BSD-2-Clause
// Each call of the micro-TPM's, by a PAL.
#include "micro_tpm.h"

#include <trustvisor/pal.h>
#include <trustvisor/utpm.h>

#define MINE  7u      // a PCR
#define OTHER 0x10u   // an address of nobody's

// volatile: else a compiler may call a function for it.
PAL_INLINE int same(const volatile uint8_t *a, const volatile uint8_t *b, unsigned bytes)
{
    unsigned i = 0;
    while (i < bytes && a[i] == b[i])
        i++;
    return i == bytes;
}

PAL_INLINE uint32_t seal(struct micro_tpm *a)
{
    pal_buffer in = PAL_BUFFER(a->secret, sizeof(a->secret)), out = PAL_BUFFER(a->blob, &a->bytes);
    a->bytes = sizeof(a->blob);
    return (uint32_t)tv_vmcall(TV_CALL_SEAL, (uintptr_t)&in, (uintptr_t)&a->info, (uintptr_t)&out, 0);
}

PAL_INLINE uint32_t unseal(struct micro_tpm *a)
{
    pal_buffer in = PAL_BUFFER(a->blob, a->bytes), out = PAL_BUFFER(a->opened, &a->capacity);
    a->capacity = sizeof(a->opened);
    return (uint32_t)tv_vmcall(TV_CALL_UNSEAL, (uintptr_t)&in, (uintptr_t)&out, (uintptr_t)a->created, 0);
}

PAL_INLINE uint32_t quote(struct micro_tpm *a)
{
    pal_buffer signature = PAL_BUFFER(a->signature, &a->capacity), composite = PAL_BUFFER(a->composite, &a->bytes);
    a->capacity = sizeof(a->signature);
    a->bytes = sizeof(a->composite);
    return (uint32_t)tv_vmcall(TV_CALL_QUOTE, (uintptr_t)&a->selection, (uintptr_t)&signature, (uintptr_t)a->nonce, (uintptr_t)&composite);
}

PAL_INLINE uint32_t quote_old(struct micro_tpm *a)
{
    pal_buffer out = PAL_BUFFER(a->old_quote, &a->bytes);
    a->bytes = sizeof(a->old_quote);
    return (uint32_t)tv_vmcall(TV_CALL_QUOTE_OLD, (uintptr_t)a->old_selection, (uintptr_t)&out, (uintptr_t)a->nonce, 0);
}

#define STEP(number, right) \
    do {                    \
        if (!(right))       \
            return number;  \
    } while (0)

PAL_CODE uintptr_t pal_micro_tpm(struct micro_tpm *a)
{
    STEP(1, pal_random(a->secret, sizeof(a->secret)) == TV_OK && pal_random(a->nonce, sizeof(a->nonce)) == TV_OK && !same(a->secret, a->nonce, 32));
    STEP(2, pal_pcr_read(MINE, a->before) == TV_OK && pal_pcr_extend(MINE, a->nonce) == TV_OK && pal_pcr_read(MINE, a->after) == TV_OK);
    STEP(3, !same(a->before, a->after, 32));
    STEP(4, pal_pcr_read(TV_PCRS, a->after) == TV_PCR_OUT_OF_RANGE && pal_pcr_extend(TV_PCRS, a->nonce) == TV_PCR_OUT_OF_RANGE);
    STEP(5, pal_pcr_read(MINE, (void *)(uintptr_t)OTHER) == TV_BAD_PARAM);

    a->bytes = sizeof(a->blob);  // deprecated
    STEP(10, pal_seal(a->secret, sizeof(a->secret), a->blob, &a->bytes) == TV_OK);
    a->capacity = sizeof(a->opened);
    STEP(11, pal_unseal(a->blob, a->bytes, a->opened, &a->capacity) == TV_OK && a->capacity == sizeof(a->secret) && same(a->secret, a->opened, 32));
    a->blob[70] ^= 1;
    STEP(12, pal_unseal(a->blob, a->bytes, a->opened, &a->capacity) == TV_BAD_PARAM);

    STEP(20, seal(a) == TV_OK && !same(a->secret, a->blob, 32));
    a->opened[0] ^= 1;
    STEP(21, unseal(a) == TV_OK && a->capacity == sizeof(a->secret) && same(a->secret, a->opened, 32));
    a->blob[20] ^= 1;
    STEP(22, unseal(a) == TV_BAD_PARAM);
    a->info.selection.bytes = sizeof(a->info.selection.map);  // for when this PCR is what it never will be
    a->info.selection.map[0] = 1u << MINE;
    STEP(23, seal(a) == TV_OK && unseal(a) == TV_BAD_PARAM);

    a->selection.bytes = 1;
    a->selection.map[0] = 1u << MINE;
    STEP(30, quote(a) == TV_OK && a->capacity == TV_SIGNATURE_BYTES && a->bytes >= 32);
    STEP(31, same(a->composite + a->bytes - 32, a->after, 32));
    a->old_selection[0] = TV_PCRS;  // deprecated; the largest one
    for (uint32_t i = 0; i < TV_PCRS; i++)
        a->old_selection[1 + i] = i;
    STEP(32, quote_old(a) == TV_OK && a->bytes == 8 + 4 + TV_PCRS * (4 + 32) + 32 + 2 * TV_SIGNATURE_BYTES);
    STEP(33, same(&a->old_quote[8 + 4 + TV_PCRS * 4 + MINE * 32], a->after, 32));
    a->bytes = 0;
    STEP(34, pal_public_key((void *)0, &a->bytes) == TV_OK && a->bytes > TV_SIGNATURE_BYTES && a->bytes <= sizeof(a->key));
    STEP(35, pal_public_key(a->key, &a->bytes) == TV_OK && a->key[0] == 0x30);

    STEP(40, pal_nv_size(&a->bytes) == TV_OK && a->bytes == TV_NV_BYTES);
    STEP(41, pal_nv_write(a->secret) == TV_OK && pal_nv_read(a->opened) == TV_OK && same(a->secret, a->opened, TV_NV_BYTES));

    STEP(50, tv_vmcall(TV_CALL_REGISTER, OTHER, 0, OTHER, OTHER) == TV_ERROR);  // its program's alone
    return 0;
}
