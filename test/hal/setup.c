/* SPDX-License-Identifier: MIT
 *
 * setup.c - the host under test, initialised for every test
 */
#include "setup.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int (*TestOnFault)(const HALP_FAULT_INFO *Info);
void (*TestOnThreadExit)(void *Context);

static int
OnFault(const HALP_FAULT_INFO *Info)
{
    return TestOnFault != NULL ? TestOnFault(Info) : 0;
}

static void
OnThreadExit(void *Context)
{
    if (TestOnThreadExit != NULL) {
        TestOnThreadExit(Context);
    }
}

static const HALP_UPCALLS Upcalls = {.Fault = OnFault, .ThreadExit = OnThreadExit};

void
NtTestSetUp(void)
{
    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &Upcalls), HALP_OK);
}

void
NtTestTearDown(void)
{
    HalpShutdown();
}

unsigned char *
TestGuardedPages(size_t Pages)
{
    void *memory = NULL;

    NT_EXPECT_EQ(HalpReserveMemory((Pages + 1) * HALP_PAGE_SIZE, HALP_PAGE_SIZE, &memory), HALP_OK);
    NT_EXPECT_EQ(HalpCommitMemory(memory, Pages * HALP_PAGE_SIZE, HALP_READ | HALP_WRITE), HALP_OK);
    return memory;
}

void
TestFreeGuardedPages(unsigned char *Pages, size_t Count)
{
    HalpReleaseMemory(Pages, (Count + 1) * HALP_PAGE_SIZE);
}

int
TestRunProcess(void (*Body)(void *Context), void *Context, char **Output)
{
    int file = memfd_create("output", MFD_CLOEXEC);
    int status = 0;
    off_t length;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        dup2(file, STDERR_FILENO);
        Body(Context);
        _exit(0);
    }
    waitpid(child, &status, 0);
    length = lseek(file, 0, SEEK_END);
    *Output = calloc(1, (size_t)length + 1);
    NT_EXPECT_EQ(pread(file, *Output, (size_t)length, 0), length);
    close(file);
    return status;
}
