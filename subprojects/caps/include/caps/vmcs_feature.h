// SPDX-License-Identifier: BSD-2-Clause
// VMX controls as constants, and which VMCS fields a CPU has. Generated from vmx_control.def and vmcs_feature.def.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/vmcs_field.h>

// The five control words, in the order of their MSRs; ANY: no control at all.
enum control_word { WORD_PIN, WORD_PROC, WORD_PROC2, WORD_EXIT, WORD_ENTRY, WORD_COUNT, WORD_ANY = WORD_COUNT };

#define CONTROL(word, name, bit, l0, l1) static const uint32_t word##_##name __attribute__((unused)) = 1u << bit;
#include <caps/vmx_control.def>
#undef CONTROL

// Whether a CPU whose controls may be 1 where allowed1 has a bit has the field's feature.
static inline bool vmcs_feature_exists(enum vmcs_feature feature, const uint32_t allowed1[WORD_COUNT])
{
    static const struct { uint8_t word, bit; } table[FEATURE_COUNT] = {
#define FEATURE(name, word, bit) { WORD_##word, bit },
#include <caps/vmcs_feature.def>
#undef FEATURE
    };
    if (feature >= FEATURE_COUNT)
        return false;
    return table[feature].word == WORD_ANY || ((allowed1[table[feature].word] >> table[feature].bit) & 1);
}
