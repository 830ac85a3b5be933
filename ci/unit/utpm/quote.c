// SPDX-License-Identifier: BSD-2-Clause
// Prints a quote, an older quote and the key that signed them, in hexadecimal: quote.py verifies them without BearSSL.
#include <stdio.h>
#include <string.h>

#include "../../../trustvisor/identity.h"
#include "../../../trustvisor/utpm.h"

static void print(const char *name, const void *data, uint32_t bytes)
{
    printf("%s ", name);
    for (uint32_t i = 0; i < bytes; i++)
        printf("%02x", ((const uint8_t *)data)[i]);
    printf("\n");
}

int main(void)
{
    static struct utpm utpm;
    static const struct tv_selection selection = { 4, { 1, 2, 0, 0x80 } };
    static const uint32_t selection_old[] = { 2, 0, 31 };
    uint32_t all_old[1 + UTPM_OLD_PCRS] = { UTPM_OLD_PCRS };
    uint8_t nonce[TV_HASH_BYTES], composite[TV_COMPOSITE_MAX], signature[TV_SIGNATURE_BYTES], der[IDENTITY_DER_MAX], old[UTPM_OLD_QUOTE_MAX], all[UTPM_OLD_QUOTE_MAX];
    uint32_t old_bytes = 0, all_bytes = 0;
    for (unsigned pcr = 0; pcr < TV_PCRS; pcr++)
        memset(utpm.pcr[pcr], (int)pcr, TV_HASH_BYTES);
    memset(nonce, 0x6e, sizeof(nonce));
    const uint32_t composite_bytes = utpm_composite(&utpm, &selection, composite);
    if (utpm_quote(composite, composite_bytes, nonce, signature) != TV_OK || utpm_quote_old(&utpm, selection_old, nonce, old, &old_bytes) != TV_OK)
        return 1;
    // Bad selections, and the key stays the same.
    static const uint32_t many[2 + UTPM_OLD_PCRS] = { UTPM_OLD_PCRS + 1 }, beyond[] = { 1, 32 };
    if (utpm_quote_old(&utpm, many, nonce, old, &old_bytes) != TV_BAD_PARAM || utpm_quote_old(&utpm, beyond, nonce, old, &old_bytes) != TV_PCR_OUT_OF_RANGE)
        return 1;
    for (uint32_t i = 0; i < UTPM_OLD_PCRS; i++)
        all_old[1 + i] = i;
    if (utpm_quote_old(&utpm, selection_old, nonce, old, &old_bytes) != TV_OK || utpm_quote_old(&utpm, all_old, nonce, all, &all_bytes) != TV_OK)
        return 1;
    print("composite", composite, composite_bytes);
    print("nonce", nonce, sizeof(nonce));
    print("signature", signature, sizeof(signature));
    print("key", der, identity_public_der(der));
    print("modulus", identity_modulus(), TV_SIGNATURE_BYTES);
    print("old", old, old_bytes);
    print("all", all, all_bytes);
    return 0;
}
