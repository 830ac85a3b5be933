// SPDX-License-Identifier: BSD-2-Clause
// Framing of packets.
#include "packet.h"

enum packet_state packet_take(struct packet *packet, uint8_t byte)
{
    if (byte == '$') {
        packet->left = 3;
        packet->length = packet->sum = packet->check = 0;
    } else if (packet->left == 3 && byte != '#') {
        packet->sum += byte;
        packet->text[packet->length] = (char)byte;
        packet->length += packet->length < PACKET_TEXT;
    } else if (packet->left > 0) {
        const int digit = packet_digit((char)byte);
        if (packet->left < 3)
            packet->check = (uint8_t)(packet->check << 4 | (digit & 15));
        if (packet->left < 3 && digit < 0)
            packet->length = PACKET_TEXT;  // no packet of ours
        if (--packet->left == 0) {
            packet->text[packet->length] = 0;
            return packet->check == packet->sum && packet->length < PACKET_TEXT ? PACKET_WHOLE : PACKET_DAMAGED;
        }
    }
    return PACKET_MORE;
}
