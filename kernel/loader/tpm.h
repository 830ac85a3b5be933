// SPDX-License-Identifier: BSD-2-Clause
// Commands to a TPM 2.0 and its answers (TPM 2.0 Library, part 1 "Architecture", 18 "Command/Response Structure"). Pure: who sends them is the caller's. An
// answer is taken for anything until its lengths have been looked at.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPM_BYTES     1024u  // of a command, and of an answer
#define TPM_TRIES     40u    // while the TPM says that it can't just now
#define TPM_PAUSE_MS  50u

// Part 2 "Structures": of constants those in use here.
enum { TPM_ST_NO_SESSIONS = 0x8001, TPM_ST_SESSIONS = 0x8002 };
enum {
    TPM_CC_CREATE_PRIMARY = 0x131, TPM_CC_HMAC = 0x155, TPM_CC_FLUSH_CONTEXT = 0x165, TPM_CC_START_AUTH_SESSION = 0x176, TPM_CC_GET_RANDOM = 0x17b,
    TPM_CC_PCR_READ = 0x17e, TPM_CC_POLICY_PCR = 0x17f, TPM_CC_POLICY_GET_DIGEST = 0x189, TPM_CC_GET_CAPABILITY = 0x17a,
};
#define TPM_RH_OWNER   0x40000001u
#define TPM_RH_NULL    0x40000007u
#define TPM_RS_PW      0x40000009u
enum { TPM_ALG_HMAC = 0x05, TPM_ALG_KEYEDHASH = 0x08, TPM_ALG_SHA256 = 0x0b, TPM_ALG_NULL = 0x10 };
#define TPM_DIGEST_BYTES 32u  // of SHA-256

#define TPM_RC_SUCCESS      0u
#define TPM_RC_COMMAND_CODE 0x143u
#define TPM_RC_YIELDED      0x908u
#define TPM_RC_TESTING      0x90au
#define TPM_RC_RETRY        0x922u
#define TPM_RC_FORMAT1      0x080u  // which handle, session or parameter is in other bits, which TPM_RC_ERROR leaves out
#define TPM_RC_ERROR        0x0bfu
enum { TPM_RC_HIERARCHY = 0x85, TPM_RC_AUTH_FAIL = 0x8e, TPM_RC_BAD_AUTH = 0xa2 };
#define TPM_RC_BROKEN       0xffffffffu  // of no TPM: it could not be asked, or the answer is none

struct tpm {
    // Sends the command; the answer goes to response, of which TPM_BYTES are there. false: could not.
    bool (*submit)(struct tpm *tpm, const uint8_t *command, uint32_t bytes, uint8_t *response);
    void (*pause)(struct tpm *tpm);
    void *context;
    uint32_t used;                 // of command[]
    uint32_t code;                 // of the command
    uint32_t next, end;            // the part of response[] that wasn't taken yet
    bool broken;                   // the answer was shorter than what was taken of it
    uint8_t command[TPM_BYTES], response[TPM_BYTES];
};

// Begins a command; what follows is appended. It never gets longer than command[] is: who writes one knows how long it gets.
void tpm_begin(struct tpm *tpm, uint16_t tag, uint32_t code);
void tpm_put(struct tpm *tpm, uint64_t value, uint32_t bytes);   // most significant byte first
void tpm_put_bytes(struct tpm *tpm, const void *data, uint32_t bytes);
void tpm_put_sized(struct tpm *tpm, const void *data, uint32_t bytes);  // a TPM2B: with its length before it
void tpm_put_session(struct tpm *tpm, uint32_t handle, uint8_t attributes);  // the authorisation area with that one, without an HMAC

// Sends it, again and again while the TPM is busy. TPM_RC_SUCCESS: what is behind the answer's header can be taken.
uint32_t tpm_send(struct tpm *tpm);

// 0, or nothing, where the answer has no more: broken is set then.
uint64_t tpm_take(struct tpm *tpm, uint32_t bytes);
bool tpm_take_bytes(struct tpm *tpm, uint8_t *data, uint32_t bytes);

// Forgets command and answer.
void tpm_forget(struct tpm *tpm);
