// SPDX-License-Identifier: BSD-2-Clause
// A file that is to be a signature (bhctl load): what is taken for one is written as DER has it, in one way alone (X.690 8.3 "Encoding of an integer value"), so that
// the numbers, written again, give the same bytes.
#include <string.h>

#include "../../partitions/report/bhctl/load.h"
#include "check.h"
#include "input.h"

static size_t put_number(uint8_t *to, const uint8_t number[32])
{
    unsigned skip = 0;
    while (skip < 31 && number[skip] == 0)
        skip++;
    const bool sign = number[skip] >= 0x80;
    to[0] = 2;
    to[1] = (uint8_t)(32 - skip + sign);
    to[2] = 0;
    memcpy(to + 2 + sign, number + skip, 32 - skip);
    return 2u + to[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint64_t signature[SIGNATURE_WORDS];
    uint8_t again[80] = { 0x30 };
    if (load_signature(data, bytes, signature) != NULL)
        return 0;
    const uint8_t *raw = (const uint8_t *)signature;
    size_t length = 2 + put_number(again + 2, raw);
    length += put_number(again + length, raw + 32);
    again[1] = (uint8_t)(length - 2);
    CHECK(length == bytes && memcmp(again, data, bytes) == 0);
    return 0;
}
