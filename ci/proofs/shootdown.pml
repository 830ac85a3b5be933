// SPDX-License-Identifier: BSD-2-Clause
// Model of the shoot-down protocol: kernel/shootdown.c, and what exit.c, boot.c and trap.c do around it. Checked by model.py.
//
// Proven for CPUS CPUs, of which INITIATORS shoot down once each, whenever they like, one CPU that is not yet launched, one that is sent into
// wait-for-SIPI, and NMIs of L1's that come at any time:
//   - no CPU uses a translation that is older than a shoot-down that has returned (USE);
//   - nobody waits for ever (no invalid end state), even if no guest ever exits by itself again.
//
// One statement of the model is one access to memory that other CPUs or an NMI handler can see. `provided` is how an NMI interrupts: a CPU's
// process makes no step while its NMI handler runs. Memory is sequentially consistent, as the atomics of shootdown.c are (all of them SEQ_CST).

#ifndef CPUS
#define CPUS 3
#endif
#ifndef INITIATORS
#define INITIATORS 2
#endif
#ifndef SHOTS
#define SHOTS 1            // of each initiator
#endif
#ifndef L1_NMIS
#define L1_NMIS 0          // NMIs of L1's, to any CPU
#endif
#ifndef SIPI
#define SIPI 1             // the last CPU gets an INIT, and maybe a SIPI
#endif

byte generation;           // shootdown.c
byte seen[CPUS];           // struct cpu: shootdown_seen
bool expected[CPUS];       //             nmi_expected
bool launched[CPUS];
bool deaf[CPUS];

bool latched[CPUS];        // an NMI waits in the LAPIC: more melt with it
bool blocked[CPUS];        // NMIs are blocked: from an NMI's delivery or NMI exit to the next IRET
bool in_nmi[CPUS];         // the handler runs
bool in_guest[CPUS];       // an NMI is an exit

byte tables;               // version of the tables
byte cached[CPUS];         // of the oldest translation that the CPU may still have cached
byte completed;            // of the tables that the last shoot-down to return was about
byte l1_nmis = L1_NMIS;
bool sipi_sent;

#define USE(c) assert(cached[c] >= completed)

// shootdown_serve(). INVEPT and flush_host() are one step: nothing of it can be seen from elsewhere before the last.
inline serve(c, now, old)
{
    old = seen[c];
    now = generation;
    do
    :: atomic { old >= now -> now = 0; old = 0; break }
    :: old < now ->
        cached[c] = tables;
        atomic {
#ifdef PLAIN_STORE   // mutation: an NMI that has just served a newer request is undone
            seen[c] = now; old = now
#else
            if
            :: seen[c] == old -> seen[c] = now; old = now
            :: else -> old = seen[c]
            fi
#endif
        }
    od
}

// shootdown_nmi()
inline nmi(c, now, old)
{
#ifdef CLEAR_LATE
    serve(c, now, old);
    expected[c] = false
#else
    expected[c] = false;
    serve(c, now, old)
#endif
}

// must_wait(): three loads, of which each may be old by the time of the next; the last one decides.
#define MUST_WAIT(i) (launched[i] && !deaf[i] && seen[i] < wanted)

// Over the CPU itself in a loop over all.
#define SKIP(c) if :: i == c -> i++ :: else fi

// kick(), and on to the next CPU
inline kick(c)
{
    if
#ifdef KICK_ALWAYS_EXPECTED
    :: atomic { i++; SKIP(c) }
#endif
    :: atomic { expected[i] -> i++; SKIP(c) }
    :: atomic { !expected[i] -> expected[i] = true }
        atomic { latched[i] = true; i++; SKIP(c) }
    fi
}

// shootdown(), after a change to the tables
inline shootdown(c)
{
    atomic { tables++; version = tables }
    atomic { generation++; wanted = generation }
    serve(c, now, old);
    atomic { i = 0; SKIP(c) }
    do
    :: i < CPUS && MUST_WAIT(i) -> kick(c)
    :: atomic { i < CPUS && !MUST_WAIT(i) -> i++; SKIP(c) }
    :: atomic { i == CPUS -> i = 0; SKIP(c); break }
    od;
#ifdef NO_WAIT
    i = CPUS;
#endif
    do
    :: atomic { i < CPUS && !MUST_WAIT(i) -> i++; SKIP(c) }
    :: i < CPUS && MUST_WAIT(i) && seen[c] != generation -> serve(c, now, old)
    :: atomic { i == CPUS -> break }
    od;
    atomic {
        if
        :: completed < version -> completed = version
        :: else
        fi;
        i = 0;
        do  // who is in a guest now goes on using what it has cached
        :: i < CPUS -> assert(!in_guest[i] || deaf[i] || cached[i] >= completed); i++
        :: else -> break
        od;
        i = 0; wanted = 0; version = 0
    }
}

// trap_nmi(): an NMI in VMX root, whatever it interrupts: kernel, partition or the way into the guest.
proctype nmi_handler(byte c)
{
    byte now, old;
end:
    do
    :: atomic { latched[c] && !blocked[c] && !in_guest[c] -> latched[c] = false; blocked[c] = true; in_nmi[c] = true }
        nmi(c, now, old);
        atomic { in_nmi[c] = false; blocked[c] = false }   // IRET
    od
}

proctype cpu(byte c; bool sipi; byte shots) provided (!in_nmi[c])
{
    byte now, old, i, wanted, version;
    bool wait_for_sipi;

    launched[c] = true;      // kernel_entry()
enter:                       // enter_guest()
#ifndef NO_SERVE_AT_ENTRY
    serve(c, now, old);
#endif
    // In the guest an NMI is an exit; in wait-for-SIPI it stays in the LAPIC.
    if
    :: wait_for_sipi ->
        deaf[c] = true;
        in_guest[c] = true;
end_sipi:
        atomic { sipi_sent -> in_guest[c] = false; wait_for_sipi = false }   // sipi_exit()
    :: else ->
        atomic { in_guest[c] = true; USE(c) }
end_guest:
        do
        :: atomic { shots > 0 || sipi -> in_guest[c] = false }
            break
        :: atomic { latched[c] && !blocked[c] -> latched[c] = false; blocked[c] = true; in_guest[c] = false }
            goto nmi_exit
        od
    fi;

    // exit_enter(): anything but an NMI
    deaf[c] = false;
#ifndef NO_SERVE_AT_EXIT
    serve(c, now, old);
#endif
    USE(c);                  // partitions' windows
    if
    :: sipi -> sipi = false; wait_for_sipi = true        // init_exit()
    :: shots > 0 -> shots--; shootdown(c); USE(c)
    :: !sipi && shots == 0
    fi;
    goto enter;

nmi_exit:                    // exit_enter(), exit_nmi()
    deaf[c] = false;
    serve(c, now, old);
    blocked[c] = false;      // nmi_unblock()
    nmi(c, now, old);
    goto enter
}

// What L1 sends by its LAPICs, or not
proctype l1()
{
end:
    do
    :: atomic { l1_nmis > 0 -> l1_nmis--;
        if
        :: latched[0] = true
        :: latched[CPUS - 1] = true
        fi }
    :: atomic { SIPI && !sipi_sent -> sipi_sent = true }
    od
}

init
{
    byte i;
    atomic {
        i = 0;
        do
        :: i < CPUS -> run nmi_handler(i); run cpu(i, SIPI && i == CPUS - 1, (i < INITIATORS -> SHOTS : 0)); i++
        :: else -> break
        od;
        run l1()
    }
}
