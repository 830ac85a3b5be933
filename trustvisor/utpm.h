// SPDX-License-Identifier: BSD-2-Clause
// The micro-TPM of one PAL: PCRs, and data sealed or signed by what they hold. All buffers are the partition's own memory; nothing here reads a PAL's or L1's.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>

struct utpm { uint8_t pcr[TV_PCRS][TV_HASH_BYTES]; };

// pcr = SHA-256(pcr || measurement), in *out (the PAL's micro-TPM may lie in the state region: the caller writes it).
enum tv_result utpm_extended(const struct utpm *utpm, uint32_t pcr, const uint8_t measurement[TV_HASH_BYTES], uint8_t out[TV_HASH_BYTES]);

// TPM_PCR_COMPOSITE of what is selected now: selection, length of the values (big-endian), values. Returns its bytes, 0 where the selection is malformed.
uint32_t utpm_composite(const struct utpm *utpm, const struct tv_selection *selection, uint8_t out[TV_COMPOSITE_MAX]);

// Seals: IV || AES-128-CBC(PCR info, or u16 0 || u32 bytes || data || zeroes) || HMAC-SHA-256 of all before. info->at_creation is filled here.
//   bytes: at most TV_SEAL_DATA_MAX; out: TV_SEALED_MAX bytes; *out_bytes: what the blob takes
enum tv_result utpm_seal(const struct utpm *utpm, const struct tv_pcr_info *info, const void *data, uint32_t bytes,
                         uint8_t out[TV_SEALED_MAX], uint32_t *out_bytes);
// Unseals, in place: on success the data lies at blob + *at, *bytes of it.
enum tv_result utpm_unseal(const struct utpm *utpm, uint8_t *blob, uint32_t blob_bytes, uint32_t *at, uint32_t *bytes,
                           uint8_t at_creation[TV_HASH_BYTES]);

// The older forms: AES-128-CBC with IV 0 of (20 random bytes || HMAC with zeroes in its place || PCR 0 at release || u32 bytes || data || zeroes).
enum tv_result utpm_seal_old(const uint8_t at_release[TV_HASH_BYTES], const void *data, uint32_t bytes, uint8_t out[TV_SEALED_MAX],
                             uint32_t *out_bytes);
enum tv_result utpm_unseal_old(const struct utpm *utpm, uint8_t *blob, uint32_t blob_bytes, uint32_t *at, uint32_t *bytes);

// RSA PKCS#1 v1.5 signature over the SHA-256 of a struct tv_quote_info, by the identity key. The composite is what utpm_composite gives.
enum tv_result utpm_quote(const uint8_t *composite, uint32_t composite_bytes, const uint8_t nonce[TV_HASH_BYTES],
                          uint8_t signature[TV_SIGNATURE_BYTES]);
// The older form, in one piece: version, "QUOT", count and numbers of PCRs (as given), their values, nonce, signature over all this, modulus.
#define UTPM_OLD_PCRS      TV_PCRS
#define UTPM_OLD_QUOTE_MAX (8 + 4 + UTPM_OLD_PCRS * (4 + TV_HASH_BYTES) + TV_HASH_BYTES + 2 * TV_SIGNATURE_BYTES)
enum tv_result utpm_quote_old(const struct utpm *utpm, const uint32_t *selection, const uint8_t nonce[TV_HASH_BYTES],
                              uint8_t out[UTPM_OLD_QUOTE_MAX], uint32_t *out_bytes);
