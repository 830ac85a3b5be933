// SPDX-License-Identifier: BSD-2-Clause
// bhctl load and unload: what is handed over, and what became of it.
#pragma once

#include <caps/loadable.h>

#include "region.h"

#define LOAD_FILE_MAX      (16u << 20)
#define LOAD_SIGNATURE_MAX 256u  // of a file with a signature
#define SIGNATURE_WORDS    8u

// A signature as OpenSSL writes it (DER: a sequence of two integers; RFC 3279 2.2.3 "ECDSA Signature Algorithm") as r and s of 32 bytes each. NULL, or else
// what is wrong with it.
const char *load_signature(const uint8_t *der, size_t bytes, uint64_t signature[SIGNATURE_WORDS]);

// A partition's name as LOAD_END takes it. NULL, or else what is wrong with it.
const char *load_name(const char *word, uint64_t name[CAP_NAME / sizeof(uint64_t)], char why[REGION_WHY]);

// How the words of a command are handed over, and its answers: RAX; *rbx becomes RBX.
typedef uint64_t load_call_t(uint64_t number, uint64_t *rbx, uint64_t rcx, const uint64_t block[LOAD_BLOCK / sizeof(uint64_t)]);

// Hands a file over, block by block, and then its signature. *partition: the number of the one that is loaded then. NULL, or a sentence for the user.
const char *load_file(load_call_t *call, const uint8_t *file, size_t bytes, const uint64_t signature[SIGNATURE_WORDS], uint32_t *partition,
                      char why[REGION_WHY]);
const char *load_end(load_call_t *call, const char *name, char why[REGION_WHY]);
