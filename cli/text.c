/* SPDX-License-Identifier: MIT
 *
 * cli/text.c - messages, strings and lists of them
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
CliError(const char *Format, ...)
{
    va_list arguments;

    va_start(arguments, Format);
    fputs("ntbox: ", stderr);
    vfprintf(stderr, Format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

int
CliUsageError(const char *Command, const char *Format, ...)
{
    const char *space = Command != NULL ? " " : "";
    va_list arguments;

    va_start(arguments, Format);
    fputs("ntbox: ", stderr);
    vfprintf(stderr, Format, arguments);
    fprintf(stderr, "\nTry 'ntbox%s%s --help'.\n", space, Command != NULL ? Command : "");
    va_end(arguments);
    return CLI_USAGE;
}

/*
 * Nothing is given back: the program ends, or becomes another one, within milliseconds. All of it
 * hangs on this list, so that a leak checker sees it in use.
 */
typedef struct CLI_BLOCK {
    struct CLI_BLOCK *Next;
    char Data[] __attribute__((aligned(16)));
} CLI_BLOCK;

static CLI_BLOCK *CliBlocks;

void *
CliAllocate(size_t Size)
{
    CLI_BLOCK *block = calloc(1, sizeof(*block) + Size);

    if (block == NULL) {
        CliError("out of memory");
        exit(CLI_CANNOT_EXECUTE);
    }
    block->Next = CliBlocks;
    CliBlocks = block;
    return block->Data;
}

void
CliReleaseAll(void)
{
    while (CliBlocks != NULL) {
        CLI_BLOCK *block = CliBlocks;

        CliBlocks = block->Next;
        free(block);
    }
}

char *
CliFormat(const char *Format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, Format);
    length = vsnprintf(NULL, 0, Format, arguments);
    va_end(arguments);
    text = CliAllocate(length < 0 ? 1 : (size_t)length + 1);
    va_start(arguments, Format);
    vsnprintf(text, length < 0 ? 1 : (size_t)length + 1, Format, arguments);
    va_end(arguments);
    return text;
}

void
CliAppend(CLI_LIST *List, const char *Item)
{
    if (List->Count + 1 >= List->Size) {
        char **items;

        List->Size = List->Size != 0 ? List->Size * 2 : 16;
        items = CliAllocate(List->Size * sizeof(*items));
        if (List->Count != 0) {
            memcpy(items, List->Items, List->Count * sizeof(*items));
        }
        List->Items = items;
    }
    List->Items[List->Count++] = (char *)Item;
    List->Items[List->Count] = NULL;
}

char *
CliJoin(const CLI_LIST *List, const char *Separator)
{
    size_t size = 1;
    char *text;

    if (List->Count == 0) {
        return NULL;
    }
    for (size_t i = 0; i < List->Count; i++) {
        size += strlen(List->Items[i]) + strlen(Separator);
    }
    text = CliAllocate(size);
    for (size_t i = 0; i < List->Count; i++) {
        strcat(strcat(text, i != 0 ? Separator : ""), List->Items[i]);
    }
    return text;
}

int
CliSplit(const char *Text, CLI_LIST *List)
{
    char *word = CliAllocate(strlen(Text) + 1);
    size_t length = 0;
    int inWord = 0;
    char quote = '\0';

    for (; *Text != '\0'; Text++) {
        if (quote == '\0' && (*Text == ' ' || *Text == '\t' || *Text == '\n')) {
            if (inWord) {
                CliAppend(List, CliFormat("%.*s", (int)length, word));
            }
            inWord = 0;
            length = 0;
            continue;
        }
        inWord = 1;
        if (*Text == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*Text == '"' || *Text == '\'')) {
            quote = *Text;
        } else if (*Text == '\\' && quote != '\'' && Text[1] != '\0') {
            word[length++] = *++Text;
        } else {
            word[length++] = *Text;
        }
    }
    if (inWord) {
        CliAppend(List, CliFormat("%.*s", (int)length, word));
    }
    return quote == '\0';
}
