// SPDX-License-Identifier: BSD-2-Clause
// VT-d: EPT01 is the table of all devices, too, so that what L1 doesn't have they don't have (invariant I7). Citations: Intel Virtualization Technology for
// Directed I/O, Architecture Specification, revision 4.1.
#pragma once

#include <stdbool.h>

struct cpu;

// VT-d 11.4.4 "Global Command Register", 11.4.5 "Global Status Register", which follows it.
#define VTD_TRANSLATION (1u << 31)
#define VTD_LASTING     0x96ffffffu  // bits of the status that a command has to repeat

// VT-d 11.4.8.1 "IOTLB Invalidate Register": everything, after what is under way has been done; the unit clears bit 63 then, and says what it has done (0: nothing).
#define VTD_IOTLB_BUSY   (1ull << 63)
#define VTD_IOTLB_DONE   (3ull << 57)
#define VTD_IOTLB_GLOBAL (VTD_IOTLB_BUSY | 1ull << 60 | 1ull << 49 | 1ull << 48)

// VT-d 6.5.2 "Queued Invalidation Interface": a queue of a page, in which each pair of descriptors, of 16 bytes each, is: forget everything; then say so.
#define VTD_QUEUE_STEP 32u

// VT-d 11.4.9.1 "Fault Status Register", 11.4.9.9 "Fault Recording Registers". What is set is cleared by writing it.
#define VTD_FAULTS 3u            // overflow, as long as which there are no new records; pending, which goes with the last record
#define VTD_FAULT  (1ull << 63)  // in the upper half of a record: it is one

#define VTD_LOOKS 10000000u  // at a register that is to change: seconds

// From here on devices translate by EPT01, on the tables that the loader has made. CPU 0, once, with EPT01 complete. False: a unit doesn't obey.
bool vtd_start(void);

// Tells of requests that were refused since the last look, as far as the units have recorded them: an event and a line of the log for each. At each tick of
// the watchdog: their number, and half of the ring of events, bounds what devices can have logged; the rest waits for the next look.
void vtd_look(struct cpu *cpu);

// What left EPT01 before is out of every device's reach when it returns. Takes a lock: not in NMI context. A unit that doesn't answer: panic.
void vtd_forget(void);
