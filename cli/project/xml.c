/* SPDX-License-Identifier: MIT
 *
 * cli/project/xml.c - an XML document as a tree, by expat
 *
 * No project needs a document type; without one there are no entities that could grow or name
 * files.
 */
#include "cli/project/project.h"

#include <expat.h>
#include <string.h>

typedef struct CLI_READER {
    XML_Parser Parser;
    const char *File;
    CLI_XML *Root;
    CLI_XML *Open[CLI_DEPTH_LIMIT];
    size_t Depth;
    const char *Refusal;
} CLI_READER;

static void
Refuse(CLI_READER *Reader, const char *Why)
{
    if (Reader->Refusal == NULL) {
        Reader->Refusal = Why;
    }
    (void)XML_StopParser(Reader->Parser, XML_FALSE);
}

static void XMLCALL
StartElement(void *Context, const XML_Char *Name, const XML_Char **Attributes)
{
    CLI_READER *reader = Context;
    CLI_XML *node = CliAllocate(sizeof(*node));
    CLI_LIST list = {0};

    if (reader->Depth == CLI_DEPTH_LIMIT) {
        Refuse(reader, "its elements are nested too deeply");
        return;
    }
    for (; *Attributes != NULL; Attributes++) {
        CliAppend(&list, CliFormat("%s", *Attributes));
    }
    node->Name = CliFormat("%s", Name);
    node->Attributes = (const char **)list.Items;
    node->File = reader->File;
    node->Text = CliFormat("%s", "");
    node->Line = (int)XML_GetCurrentLineNumber(reader->Parser);
    if (reader->Depth == 0) {
        reader->Root = node;
    } else {
        CLI_XML *parent = reader->Open[reader->Depth - 1];

        if (parent->Last != NULL) {
            parent->Last->Next = node;
        } else {
            parent->First = node;
        }
        parent->Last = node;
    }
    reader->Open[reader->Depth++] = node;
}

static void XMLCALL
EndElement(void *Context, const XML_Char *Name)
{
    CLI_READER *reader = Context;

    (void)Name;
    reader->Depth--;
}

static void XMLCALL
TakeText(void *Context, const XML_Char *Text, int Length)
{
    CLI_READER *reader = Context;
    CLI_XML *node;

    if (reader->Depth == 0) {
        return;
    }
    node = reader->Open[reader->Depth - 1];
    if (node->TextLength + (size_t)Length >= CLI_TEXT_LIMIT) {
        Refuse(reader, "a text in it is too long");
        return;
    }
    if (node->TextLength + (size_t)Length >= node->TextSize) {
        char *text;

        node->TextSize = (node->TextLength + (size_t)Length + 32) * 2;
        text = CliAllocate(node->TextSize);
        memcpy(text, node->Text, node->TextLength);
        node->Text = text;
    }
    memcpy(node->Text + node->TextLength, Text, (size_t)Length);
    node->TextLength += (size_t)Length;
    node->Text[node->TextLength] = '\0';
}

static void XMLCALL
StartDoctype(void *Context, const XML_Char *Name, const XML_Char *System, const XML_Char *Public,
             int HasSubset)
{
    (void)Name;
    (void)System;
    (void)Public;
    (void)HasSubset;
    Refuse(Context, "it has a document type, which no project has");
}

CLI_XML *
CliParseXml(const char *File, const char *Text, size_t Size, char **Error)
{
    CLI_READER reader = {.File = File};

    *Error = NULL;
    if (Size > 64u * CLI_TEXT_LIMIT) {
        *Error = CliFormat("%s: too long for a project", File);
        return NULL;
    }
    reader.Parser = XML_ParserCreate(NULL);
    if (reader.Parser == NULL) {
        *Error = CliFormat("%s: no memory to read it", File);
        return NULL;
    }
    XML_SetUserData(reader.Parser, &reader);
    XML_SetElementHandler(reader.Parser, StartElement, EndElement);
    XML_SetCharacterDataHandler(reader.Parser, TakeText);
    XML_SetStartDoctypeDeclHandler(reader.Parser, StartDoctype);
    if (XML_Parse(reader.Parser, Text, (int)Size, XML_TRUE) == XML_STATUS_ERROR) {
        *Error =
            CliFormat("%s:%lu: not well-formed XML: %s", File,
                      (unsigned long)XML_GetCurrentLineNumber(reader.Parser),
                      reader.Refusal != NULL ? reader.Refusal
                                             : XML_ErrorString(XML_GetErrorCode(reader.Parser)));
        reader.Root = NULL;
    }
    XML_ParserFree(reader.Parser);
    return reader.Root;
}

const char *
CliAttribute(const CLI_XML *Node, const char *Name)
{
    const char **attribute = Node->Attributes;

    for (; attribute != NULL && *attribute != NULL; attribute += 2) {
        if (strcmp(attribute[0], Name) == 0) {
            return attribute[1];
        }
    }
    return NULL;
}
