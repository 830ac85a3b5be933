// SPDX-License-Identifier: BSD-2-Clause
// The identity key: RSA 2048, exponent 65537, made when it is first needed; of the seed, where there is one: then it is the same as in the boots before. Its private
// half never leaves the partition.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <trustvisor/abi.h>

#define IDENTITY_DER_MAX 272u

// Takes from the seed what the key will be made of, where there is one.
void identity_start(void);

// Makes the key if there is none yet. false: no entropy.
bool identity_make(void);

// PKCS#1 v1.5 signature over the SHA-256 of data.
enum tv_result identity_sign(const void *data, uint32_t bytes, uint8_t signature[TV_SIGNATURE_BYTES]);

// After identity_make. The modulus, most significant byte first; and RSAPublicKey of PKCS#1, DER (returns its bytes).
const uint8_t *identity_modulus(void);
uint32_t identity_public_der(uint8_t out[IDENTITY_DER_MAX]);
