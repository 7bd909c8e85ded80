/* SPDX-License-Identifier: MIT
 *
 * test/user/threads.c - host threads for tests that have no kernel to make Win32 ones
 *
 * POSIX threads, because thread sanitizers do not know those of C11.
 */
#include "threads.h"

#include <pthread.h>
#include <stddef.h>

#define LIMIT 16

static void (*ThreadBody)(void);

static void *
RunBody(void *Context)
{
    (void)Context;
    ThreadBody();
    return NULL;
}

int
TestRunThreads(int Count, void (*Body)(void))
{
    pthread_t threads[LIMIT];
    int made = 0;

    ThreadBody = Body;
    while (made < Count && made < LIMIT &&
           pthread_create(&threads[made], NULL, RunBody, NULL) == 0) {
        made++;
    }
    for (int i = 0; i < made; i++) {
        pthread_join(threads[i], NULL);
    }
    return made == Count;
}
