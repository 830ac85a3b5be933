// SPDX-License-Identifier: BSD-2-Clause
#include "tpm.h"

#include "../memory.h"

#define HEADER_BYTES 10u

void tpm_put(struct tpm *tpm, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = bytes; i-- > 0 && tpm->used < TPM_BYTES;)
        tpm->command[tpm->used++] = (uint8_t)(value >> (8 * i));
}

void tpm_put_bytes(struct tpm *tpm, const void *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        tpm_put(tpm, ((const uint8_t *)data)[i], 1);
}

void tpm_put_sized(struct tpm *tpm, const void *data, uint32_t bytes)
{
    tpm_put(tpm, bytes, 2);
    tpm_put_bytes(tpm, data, bytes);
}

void tpm_put_session(struct tpm *tpm, uint32_t handle, uint8_t attributes)
{
    tpm_put(tpm, 9, 4);
    tpm_put(tpm, handle, 4);
    tpm_put(tpm, 0, 2);
    tpm_put(tpm, attributes, 1);
    tpm_put(tpm, 0, 2);
}

void tpm_begin(struct tpm *tpm, uint16_t tag, uint32_t code)
{
    tpm->used = 0;
    tpm->code = code;
    tpm_put(tpm, tag, 2);
    tpm_put(tpm, 0, 4);
    tpm_put(tpm, code, 4);
}

uint64_t tpm_take(struct tpm *tpm, uint32_t bytes)
{
    uint64_t value = 0;
    if (bytes > tpm->end - tpm->next) {
        tpm->broken = true;
        tpm->next = tpm->end;
        return 0;
    }
    for (uint32_t i = 0; i < bytes; i++)
        value = value << 8 | tpm->response[tpm->next++];
    return value;
}

bool tpm_take_bytes(struct tpm *tpm, uint8_t *data, uint32_t bytes)
{
    if (bytes > tpm->end - tpm->next) {
        tpm->broken = true;
        tpm->next = tpm->end;
        return false;
    }
    memory_copy(data, &tpm->response[tpm->next], bytes);
    tpm->next += bytes;
    return true;
}

// The answer's header: its response code, and how much is behind it.
static uint32_t read_header(struct tpm *tpm)
{
    tpm->broken = false;
    tpm->next = 0;
    tpm->end = HEADER_BYTES;
    const uint64_t tag = tpm_take(tpm, 2), bytes = tpm_take(tpm, 4), code = tpm_take(tpm, 4);
    if (bytes < HEADER_BYTES || bytes > TPM_BYTES || (tag != TPM_ST_NO_SESSIONS && tag != TPM_ST_SESSIONS))
        return TPM_RC_BROKEN;
    const uint32_t asked = (uint32_t)tpm->command[0] << 8 | tpm->command[1];
    if (code == TPM_RC_SUCCESS && tag != asked)
        return TPM_RC_BROKEN;
    tpm->end = (uint32_t)bytes;
    return (uint32_t)code;
}

uint32_t tpm_send(struct tpm *tpm)
{
    uint32_t code = TPM_RC_RETRY;
    for (unsigned i = 0; i < 4; i++)
        tpm->command[2 + i] = (uint8_t)(tpm->used >> (24 - 8 * i));
    for (unsigned i = 0; i < TPM_TRIES && (code == TPM_RC_RETRY || code == TPM_RC_YIELDED || code == TPM_RC_TESTING); i++) {
        if (i > 0)
            tpm->pause(tpm);
        memory_fill(tpm->response, 0, TPM_BYTES);
        code = tpm->submit(tpm, tpm->command, tpm->used, tpm->response) ? read_header(tpm) : TPM_RC_BROKEN;
    }
    if (code != TPM_RC_SUCCESS)
        tpm->end = tpm->next;
    return code;
}

void tpm_forget(struct tpm *tpm)
{
    memory_fill(tpm->command, 0, TPM_BYTES);
    memory_fill(tpm->response, 0, TPM_BYTES);
    tpm->next = tpm->end = tpm->used = 0;
}
