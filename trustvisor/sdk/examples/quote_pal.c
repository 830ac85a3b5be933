// SPDX-License-Identifier: BSD-2-Clause
// A PAL that proves to somebody far away which PAL it is.
#include "quote.h"

#include <trustvisor/pal.h>
#include <trustvisor/utpm.h>

PAL_CODE uintptr_t quote_pal(struct quote *quote)
{
    quote->composite_bytes = sizeof(quote->composite);
    quote->key_bytes = sizeof(quote->key);
    const uint32_t result = pal_quote(quote->nonce, quote->signature, quote->composite, &quote->composite_bytes);
    return result != TV_OK ? result : pal_public_key(quote->key, &quote->key_bytes);
}
