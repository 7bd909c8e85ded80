/* SPDX-License-Identifier: MIT
 *
 * hal/posix/stack.c - the limits of a thread's stack, and the return addresses on it
 *
 * Everything is built with frame pointers. A frame is followed only while it lies between the
 * caller's stack pointer and the top of the stack, aligned and above the one before, so code
 * without frame pointers can end a walk early but never make it read elsewhere.
 */
#include "hal/posix/posix.h"

#include <pthread.h>
#include <sys/prctl.h>

static POSIX_TLS uintptr_t StackLow;
static POSIX_TLS uintptr_t StackHigh;

static void
FindStack(void)
{
    pthread_attr_t attributes;
    void *address;
    size_t size;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return;
    }
    if (pthread_attr_getstack(&attributes, &address, &size) == 0) {
        StackLow = (uintptr_t)address;
        StackHigh = (uintptr_t)address + size;
    }
    pthread_attr_destroy(&attributes);
}

void
PosixFindStack(void)
{
    if (StackHigh == 0) {
        FindStack();
    }
}

int
PosixKnownStackLimits(uintptr_t *Low, uintptr_t *High)
{
    *Low = StackLow;
    *High = StackHigh;
    return StackHigh != 0;
}

void
HalpStackLimits(uintptr_t *Low, uintptr_t *High)
{
    PosixFindStack();
    *Low = StackLow;
    *High = StackHigh;
}

__attribute__((no_sanitize("address", "thread"))) uint32_t
PosixWalkStack(uintptr_t Frame, uintptr_t From, uintptr_t High, uint32_t Skip, uintptr_t *Frames,
               uint32_t Count)
{
    uintptr_t lowest = From;
    uint32_t count = 0;

    while (count < Count && Frame >= lowest && Frame % sizeof(uintptr_t) == 0 && Frame < High &&
           High - Frame >= 2 * sizeof(uintptr_t)) {
        const uintptr_t *words = (const uintptr_t *)Frame;

        if (words[1] == 0) {
            break;
        }
        if (Skip != 0) {
            --Skip;
        } else {
            Frames[count++] = words[1];
        }
        lowest = Frame + 2 * sizeof(uintptr_t);
        Frame = words[0];
    }
    return count;
}

__attribute__((noinline)) uint32_t
HalpCaptureStack(uint32_t Skip, uintptr_t *Frames, uint32_t Count)
{
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    uintptr_t low;
    uintptr_t high;

    HalpStackLimits(&low, &high);
    if (frame < low || frame >= high) {
        return 0;
    }
    return PosixWalkStack(frame, frame, high, Skip, Frames, Count);
}

void
PosixNameThread(const char *Name)
{
    /* Of another thread it would be a write to a file in /proc, which costs at each end, too. */
    prctl(PR_SET_NAME, Name, 0ul, 0ul, 0ul);
}
