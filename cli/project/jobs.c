/* SPDX-License-Identifier: MIT
 *
 * cli/project/jobs.c - runs commands beside each other; what each prints is shown when it has ended
 */
#include "cli/project/maker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void
PrintCommand(const CLI_LIST *Command)
{
    fputs(strcmp(Command->Items[0], "cc") == 0 ? "ntbox" : "", stderr);
    for (size_t i = 0; i < Command->Count; i++) {
        const char *word = Command->Items[i];
        int isPlain = strpbrk(word, " \t\"'\\$`&|;<>()*?[]#~") == NULL && word[0] != '\0';

        fputs(i != 0 || strcmp(word, "cc") == 0 ? " " : "", stderr);
        fputs(isPlain ? "" : "'", stderr);
        for (; *word != '\0'; word++) {
            fprintf(stderr, *word == '\'' ? "'\\''" : "%c", *word);
        }
        fputs(isPlain ? "" : "'", stderr);
    }
    fputc('\n', stderr);
}

/* In the child: becomes the command. */
static _Noreturn void
BecomeJob(CLI_JOB *Job)
{
    CLI_LIST command = {0};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int code;

    for (size_t i = 0; i < Job->Command.Count; i++) {
        CliAppend(&command, Job->Command.Items[i]);
    }
    for (size_t i = 0; i < Job->Extra.Count; i++) {
        CliAppend(&command, Job->Extra.Items[i]);
    }
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
    }
    if (Job->Messages >= 0) {
        (void)dup2(Job->Messages, STDOUT_FILENO);
        (void)dup2(Job->Messages, STDERR_FILENO);
    }
    if (strcmp(command.Items[0], "cc") == 0) {
        code = CliCompile((int)command.Count, command.Items);
    } else {
        execvp(command.Items[0], command.Items);
        code = errno == ENOENT ? CLI_NOT_FOUND : CLI_CANNOT_EXECUTE;
        CliError("%s: %s", command.Items[0], strerror(errno));
    }
    fflush(NULL);
    _exit(code);
}

/* 0 when there is no process for it. */
static int
StartJob(CLI_JOB *Job, int Verbose)
{
    (void)unlink(Job->Output);
    if (Verbose) {
        PrintCommand(&Job->Command);
    }
    CliMakeFolders(Job->Output);
    Job->Start = CliFileTime(CliFolderOf(Job->Output));
    Job->Messages = memfd_create("messages", MFD_CLOEXEC);
    fflush(NULL);
    Job->Process = fork();
    if (Job->Process == 0) {
        BecomeJob(Job);
    }
    if (Job->Process < 0) {
        CliError("no process for %s: %s", Job->Title, strerror(errno));
        Job->Code = CLI_CANNOT_EXECUTE;
        return 0;
    }
    return 1;
}

static void
ShowMessages(CLI_JOB *Job)
{
    char block[4096];
    ssize_t count;
    off_t at = 0;

    if (Job->Messages < 0) {
        return;
    }
    while ((count = pread(Job->Messages, block, sizeof(block), at)) > 0) {
        fwrite(block, 1, (size_t)count, stderr);
        at += count;
    }
    close(Job->Messages);
    fflush(stderr);
}

static void
FinishJob(CLI_JOB *Job, int Status)
{
    Job->Code = WIFEXITED(Status) ? WEXITSTATUS(Status) : 128 + WTERMSIG(Status);
    Job->Process = 0;
    ShowMessages(Job);
    if (WIFSIGNALED(Status)) {
        CliError("%s: ended by signal %d", Job->Title, WTERMSIG(Status));
    }
    if (Job->Code == 0) {
        CliWriteStamp(Job);
    } else {
        (void)unlink(Job->Output);
    }
}

/* Waits for one of the jobs. */
static void
WaitForJob(CLI_JOB **Jobs, size_t Count)
{
    int status;
    pid_t process = waitpid(-1, &status, 0);

    for (size_t i = 0; i < Count; i++) {
        if (process > 0 && Jobs[i]->Process == process) {
            FinishJob(Jobs[i], status);
            return;
        }
    }
}

/* On a terminal, a line that the next one overwrites. */
static void
ShowProgress(size_t Number, size_t Count, const char *Title)
{
    if (isatty(STDERR_FILENO)) {
        if (Title != NULL) {
            fprintf(stderr, "\r\033[K[%zu/%zu] %.60s", Number, Count, Title);
        } else {
            fputs("\r\033[K", stderr);
        }
        fflush(stderr);
    }
}

size_t
CliRunJobs(CLI_JOB **Jobs, size_t Count, unsigned Parallel, int Verbose, int *Failed)
{
    size_t next = 0;
    size_t running = 0;
    size_t ran = 0;

    while (next < Count || running != 0) {
        if (next == Count || running == Parallel) {
            ShowProgress(0, 0, NULL);
            WaitForJob(Jobs, Count);
            running--;
            continue;
        }
        if (!CliIsCurrent(Jobs[next])) {
            if (!Verbose) {
                ShowProgress(next + 1, Count, Jobs[next]->Title);
            }
            running += (size_t)StartJob(Jobs[next], Verbose);
            ran++;
        }
        next++;
    }
    ShowProgress(0, 0, NULL);
    for (size_t i = 0; i < Count; i++) {
        *Failed |= Jobs[i]->Code != 0;
    }
    return ran;
}
