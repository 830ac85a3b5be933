/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded into Bochs. It seeds the guest's RDRAND from the clock, which makes no two runs alike; and its text display opens
 * a port that anyone may connect to, and ends the run where none can be had. Nobody looks at that display. */

#include <sys/socket.h>
#include <unistd.h>

void srand(unsigned seed);

void srand(unsigned seed)
{
    (void)seed;
}

/* The display serves its port from a thread of its own, which stays here. */
int bind(int socket, const struct sockaddr *address, socklen_t length)
{
    (void)socket;
    (void)address;
    (void)length;
    for (;;)
        pause();
}
