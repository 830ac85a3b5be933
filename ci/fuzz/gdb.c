// SPDX-License-Identifier: BSD-2-Clause
// What comes from the second serial port: packets of any text, framed as gdb does or not: none reaches beyond the partition that stands still.
#include <string.h>

#include <caps/layout.h>

#include "check.h"
#include "command.h"
#include "fake_debugged.h"
#include "input.h"

static void check(const struct debug_stop *at, const struct watches *watches, const char text[PACKET_TEXT + 1])
{
    CHECK(at->rip < 1ull << 47 && at->rflags == 0 && at->cs == 0 && at->ss == 0);
    CHECK((watches->how & ~0xffff0055ull) == 0);
    for (unsigned i = 0; i < DEBUG_WATCHES; i++)
        CHECK(watches->address[i] < WINDOW_BASE);
    CHECK(memchr(text, 0, PACKET_TEXT + 1) != NULL);
    fake_debugged_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = { data, bytes };
    static struct request req;
    struct debug_stop at = { .dr6 = 0 };
    struct watches watches = { .how = 0 };
    struct packet packet = { .length = 0 };
    const struct command command = { &at, &req, &watches };
    fake_debugged_load();
    while (input.left > 0) {
        if (take(&input, 1) % 4 == 0) {  // as it comes
            for (uint64_t n = take(&input, 1); n > 0; n--)
                if (packet_take(&packet, (uint8_t)take(&input, 1)) == PACKET_WHOLE)
                    (void)command_do(&command, packet.text);
        } else {  // a packet
            size_t length = 0;
            for (uint8_t c = (uint8_t)take(&input, 1); c != 0 && c != '#' && length < PACKET_TEXT; c = (uint8_t)take(&input, 1))
                packet.text[length++] = (char)c;
            packet.text[length] = 0;
            (void)command_do(&command, packet.text);
        }
        check(&at, &watches, packet.text);
    }
    return 0;
}
