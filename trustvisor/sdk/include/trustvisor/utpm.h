// SPDX-License-Identifier: BSD-2-Clause
// The micro-TPM, for PALs: every function is inlined into the PAL that calls it. Data must lie in the PAL's own memory: its stack, its pointer parameters.
// They return enum tv_result.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>
#include <trustvisor/vmcall.h>

#define PAL_INLINE static inline __attribute__((always_inline))

#ifdef __x86_64__
typedef struct tv_buffer64 pal_buffer;
#define PAL_BUFFER(at, second) { (uintptr_t)(at), (uintptr_t)(second) }
#else
typedef struct tv_buffer32 pal_buffer;
#define PAL_BUFFER(at, second) { (uint32_t)(uintptr_t)(at), (uint32_t)(uintptr_t)(second) }
#endif

// A blob that only this very PAL can open again (its PCR 0 as it is now), on this machine. *blob_bytes: room before, length after (TV_SEALED_MAX at most).
PAL_INLINE uint32_t pal_seal(const void *data, uint32_t bytes, void *blob, uint32_t *blob_bytes)
{
    pal_buffer in = PAL_BUFFER(data, bytes), out = PAL_BUFFER(blob, blob_bytes);
    return (uint32_t)tv_vmcall(TV_CALL_SEAL_OLD, (uintptr_t)&in, 0, (uintptr_t)&out, 0);
}

PAL_INLINE uint32_t pal_unseal(const void *blob, uint32_t blob_bytes, void *data, uint32_t *bytes)
{
    pal_buffer in = PAL_BUFFER(blob, blob_bytes), out = PAL_BUFFER(data, bytes);
    return (uint32_t)tv_vmcall(TV_CALL_UNSEAL_OLD, (uintptr_t)&in, (uintptr_t)&out, 0, 0);
}

// At most TV_RANDOM_MAX.
PAL_INLINE uint32_t pal_random(void *to, uint32_t bytes)
{
    volatile uint32_t count = bytes;
    return (uint32_t)tv_vmcall(TV_CALL_RANDOM, (uintptr_t)to, (uintptr_t)&count, 0, 0);
}

PAL_INLINE uint32_t pal_pcr_read(uint32_t pcr, void *to) { return (uint32_t)tv_vmcall(TV_CALL_PCR_READ, pcr, (uintptr_t)to, 0, 0); }
PAL_INLINE uint32_t pal_pcr_extend(uint32_t pcr, const void *measurement)
{
    return (uint32_t)tv_vmcall(TV_CALL_PCR_EXTEND, pcr, (uintptr_t)measurement, 0, 0);
}

// TV_NV_BYTES that only PALs with the same PCR 0 read and write, one of them at a time (from its first call to its end). They last until the
// machine's reset, or until root has trustvisor unloaded; then they are ones again, though a TPM may have kept the keys. So they tell of an older file that is put
// back, but not of one that is put back after that.
PAL_INLINE uint32_t pal_nv_size(void *bytes) { return (uint32_t)tv_vmcall(TV_CALL_NV_SIZE, (uintptr_t)bytes, 0, 0, 0); }
PAL_INLINE uint32_t pal_nv_read(void *to) { return (uint32_t)tv_vmcall(TV_CALL_NV_READ, (uintptr_t)to, 0, 0, 0); }
PAL_INLINE uint32_t pal_nv_write(const void *from) { return (uint32_t)tv_vmcall(TV_CALL_NV_WRITE, (uintptr_t)from, 0, 0, 0); }

// A signature (TV_SIGNATURE_BYTES) on PCR 0 and a nonce of TV_HASH_BYTES: struct tv_quote_info is what is signed. *composite_bytes: room before, length after.
PAL_INLINE uint32_t pal_quote(const void *nonce, void *signature, void *composite, uint32_t *composite_bytes)
{
    struct { uint16_t bytes; uint8_t map[4]; } __attribute__((packed)) volatile selection = { 1, { 1, 0, 0, 0 } };
    volatile uint32_t signature_bytes = TV_SIGNATURE_BYTES;
    pal_buffer to = PAL_BUFFER(signature, &signature_bytes), values = PAL_BUFFER(composite, composite_bytes);
    return (uint32_t)tv_vmcall(TV_CALL_QUOTE, (uintptr_t)&selection, (uintptr_t)&to, (uintptr_t)nonce, (uintptr_t)&values);
}

// The key that signs, as RSAPublicKey (DER). *bytes: room before, length after.
PAL_INLINE uint32_t pal_public_key(void *der, uint32_t *bytes) { return (uint32_t)tv_vmcall(TV_CALL_PUBLIC_KEY, (uintptr_t)der, (uintptr_t)bytes, 0, 0); }
