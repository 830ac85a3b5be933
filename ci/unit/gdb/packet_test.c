// SPDX-License-Identifier: BSD-2-Clause
// The framing of gdb's packets.
#include "packet.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

static struct packet packet;

static enum packet_state line(const char *text)
{
    enum packet_state last = PACKET_MORE;
    for (; *text; text++)
        last = packet_take(&packet, (uint8_t)*text);
    return last;
}

TEST(packets_are_what_is_between_dollar_and_checksum)
{
    CHECK(line("+++$g#67") == PACKET_WHOLE && strcmp(packet.text, "g") == 0);
    CHECK(line("noise$m400000,4#f1") == PACKET_WHOLE && strcmp(packet.text, "m400000,4") == 0);
    CHECK(line("$half$g#67") == PACKET_WHOLE && strcmp(packet.text, "g") == 0);
    CHECK(line("$#00") == PACKET_WHOLE && packet.text[0] == 0);
    CHECK(line("\3") == PACKET_MORE && line("-") == PACKET_MORE && line("#67") == PACKET_MORE);
}

TEST(a_packet_that_is_damaged_or_too_long_is_refused)
{
    CHECK_EQ(line("$g#68"), PACKET_DAMAGED);
    CHECK_EQ(line("$g#zz"), PACKET_DAMAGED);
    CHECK_EQ(line("$\xff\x01#0z"), PACKET_DAMAGED);  // the sum is 0, and z no digit
    CHECK_EQ(line("$g##7"), PACKET_DAMAGED);
    uint8_t sum = 0;
    CHECK_EQ(line("$"), PACKET_MORE);
    for (unsigned i = 0; i < 5 * PACKET_TEXT; i++, sum += 'x')
        CHECK_EQ(packet_take(&packet, 'x'), PACKET_MORE);
    char end[8];
    snprintf(end, sizeof(end), "#%02x", sum);
    CHECK_EQ(line(end), PACKET_DAMAGED);
    CHECK(memchr(packet.text, 0, sizeof(packet.text)) != NULL);
    CHECK_EQ(line("$g#67"), PACKET_WHOLE);
}
