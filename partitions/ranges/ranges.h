// SPDX-License-Identifier: BSD-2-Clause
// What the partition `ranges` claims of L2s, and how it answers: for lhv's tests.
#pragma once

// Ports, over both I/O bitmaps: an IN gives RANGES_ANSWER and the port, as many bytes as it has; an OUT goes nowhere. String I/O is forwarded.
#define RANGES_PORT_FIRST 0x7ffeu
#define RANGES_PORT_LAST  0x8001u
#define RANGES_ANSWER     0x52410000u
// These are always forwarded. On a PC they are registers of the DMA controller's that nothing uses: what is written there is read again.
#define RANGES_FORWARD_FIRST 0x84u
#define RANGES_FORWARD_LAST  0x86u

// Hypercalls (RAX) and leaves of CPUID (EAX): the first is answered by EBX + 1 in EBX, the second forwarded. RANGES_CRASH is a fault each time that it is tried.
#define RANGES_NUMBER  0x42480500u
#define RANGES_FORWARD 0x42480501u
#define RANGES_CRASH   0x42480502u
