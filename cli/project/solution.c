/* SPDX-License-Identifier: MIT
 *
 * cli/project/solution.c - which projects a solution has: .sln (lines) and .slnx (XML)
 */
#include "cli/project/project.h"

#include <string.h>
#include <strings.h>

static void
AddProject(const CLI_FILES *Files, const char *Solution, const char *Name, CLI_LIST *Projects,
           CLI_LIST *Notes)
{
    char *path;

    if (!CliHasEnding(Name, ".vcxproj")) {
        CliAppend(Notes,
                  CliFormat("%s: %s is no C or C++ project; it is left out", Solution, Name));
        return;
    }
    path = Files->Find(CliFolderOf(Solution), Name);
    if (path == NULL) {
        /* Reading it will say that it is not there. */
        path = CliJoinPath(CliFolderOf(Solution), Name);
    }
    for (size_t i = 0; i < Projects->Count; i++) {
        if (strcmp(Projects->Items[i], path) == 0) {
            return;
        }
    }
    if (Projects->Count < CLI_FILE_LIMIT) {
        CliAppend(Projects, path);
    }
}

/* The Which-th text in quotes of a line, from 0; NULL: there are not so many. */
static char *
QuotedText(const char *Line, unsigned Which)
{
    const char *end;

    for (;; Which--) {
        Line = strchr(Line, '"');
        end = Line != NULL ? strchr(Line + 1, '"') : NULL;
        if (end == NULL) {
            return NULL;
        }
        if (Which == 0) {
            return CliFormat("%.*s", (int)(end - Line - 1), Line + 1);
        }
        Line = end + 1;
    }
}

/* Project("{TYPE}") = "NAME", "FILE", "{ID}" */
static void
ReadLines(const CLI_FILES *Files, const char *Path, char *Text, CLI_LIST *Projects, CLI_LIST *Notes)
{
    static const char folderType[] = "{2150E333-8FDC-42A3-9474-1A3956D46DE8}";
    char *next;

    for (char *line = Text; line != NULL; line = next) {
        char *type;
        char *name;

        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        line += strspn(line, " \t");
        if (strncmp(line, "Project(", 8) != 0) {
            continue;
        }
        type = QuotedText(line, 0);
        name = QuotedText(line, 2);
        if (type != NULL && name != NULL && strcasecmp(type, folderType) != 0) {
            AddProject(Files, Path, name, Projects, Notes);
        }
    }
}

/* <Project Path="..."/>, in folders or not. */
static void
ReadElements(const CLI_FILES *Files, const char *Path, const CLI_XML *Parent, CLI_LIST *Projects,
             CLI_LIST *Notes)
{
    for (const CLI_XML *node = Parent->First; node != NULL; node = node->Next) {
        const char *name = CliAttribute(node, "Path");

        if (strcmp(node->Name, "Project") == 0 && name != NULL) {
            AddProject(Files, Path, name, Projects, Notes);
        } else if (strcmp(node->Name, "Folder") == 0) {
            ReadElements(Files, Path, node, Projects, Notes);
        }
    }
}

void
CliReadSolution(const CLI_FILES *Files, const char *Path, CLI_LIST *Projects, CLI_LIST *Notes,
                char **Error)
{
    size_t size = 0;
    char *text = Files->Read(Path, &size);
    CLI_XML *document;

    *Error = NULL;
    if (text == NULL) {
        *Error = CliFormat("%s: cannot be read", Path);
        return;
    }
    if (CliHasEnding(Path, ".slnx")) {
        document = CliParseXml(Path, text, size, Error);
        if (document != NULL) {
            ReadElements(Files, Path, document, Projects, Notes);
        }
        return;
    }
    if (strstr(text, "Microsoft Visual Studio Solution File") == NULL) {
        *Error = CliFormat("%s: not a Visual Studio solution", Path);
        return;
    }
    ReadLines(Files, Path, text, Projects, Notes);
}
