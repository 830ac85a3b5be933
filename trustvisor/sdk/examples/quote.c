// SPDX-License-Identifier: BSD-2-Clause
// quote NONCE: 64 hexadecimal digits from the verifier; prints what the verifier needs (examples/verify.py).
#include "quote.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <trustvisor/pal.h>

typedef uintptr_t quote_t(struct quote *);

static struct quote quote;
static const struct tv_params params = { 1, 0, { { TV_PARAM_POINTER, 0, sizeof(quote) / sizeof(uintptr_t) } } };

static void print(const char *name, const uint8_t *data, uint32_t bytes)
{
    printf("%s ", name);
    for (uint32_t i = 0; i < bytes; i++)
        printf("%02x", data[i]);
    printf("\n");
}

static int parse(const char *text)
{
    unsigned byte;
    if (strlen(text) != 2 * sizeof(quote.nonce))
        return 0;
    for (unsigned i = 0; i < sizeof(quote.nonce); i++) {
        if (!isxdigit((unsigned char)text[2 * i]) || !isxdigit((unsigned char)text[2 * i + 1]) || sscanf(&text[2 * i], "%2x", &byte) != 1)
            return 0;
        quote.nonce[i] = (uint8_t)byte;
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct pal pal;
    if (argc != 2 || !parse(argv[1])) {
        fprintf(stderr, "usage: quote NONCE (64 hexadecimal digits)\n");
        return 2;
    }
    const enum pal_status status = pal_open(&pal, (const void *)quote_pal, &params);
    if (status != PAL_OK) {
        fprintf(stderr, "quote: %s\n", pal_status_text(status));
        return 1;
    }
    const uintptr_t result = ((quote_t *)pal.entry)(&quote);
    pal_close(&pal);
    if (result != TV_OK) {
        fprintf(stderr, "quote: %s\n", result == TV_INSUFFICIENT_ENTROPY ? "no entropy: this CPU has neither RDRAND nor RDSEED" : "the call failed");
        return 1;
    }
    print("nonce", quote.nonce, sizeof(quote.nonce));
    print("composite", quote.composite, quote.composite_bytes);
    print("signature", quote.signature, sizeof(quote.signature));
    print("key", quote.key, quote.key_bytes);
    return 0;
}
