// SPDX-License-Identifier: BSD-2-Clause
// The signing PAL, and what goes in and out of it.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>

enum agent_command { AGENT_MAKE, AGENT_SIGN };
enum agent_result { AGENT_OK, AGENT_NO_ENTROPY, AGENT_NOT_SEALED, AGENT_NO_KEY };

#define AGENT_PUBLIC_BYTES    65u    // a point of P-256, uncompressed
#define AGENT_SIGNATURE_BYTES 64u    // r, s
#define AGENT_MESSAGE_MAX     1024u

struct agent {
    uint32_t command, message_bytes;
    uint32_t blob_bytes, unused;
    uint8_t blob[512];                           // the private key, sealed
    uint8_t public_key[AGENT_PUBLIC_BYTES + 7];  // whole words
    uint8_t signature[AGENT_SIGNATURE_BYTES];
    uint8_t message[AGENT_MESSAGE_MAX];
};

// AGENT_MAKE: a new key, in blob and public_key. AGENT_SIGN: signature (ECDSA, P-256, SHA-256) of the message with the key in blob. enum agent_result
uintptr_t agent_pal(struct agent *agent);
