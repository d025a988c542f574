// libxml2 as Swift sees it: the parser and its tree, with which DASH manifests are read.
#pragma once

// Debian's libxml2 shows the structures of ICU, which Foundation brings another version of; a module
// cannot have both. None of its functions that use them are called here.
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED

#include <libxml/parser.h>
#include <libxml/tree.h>

// A variable that holds a function, which Swift takes for shared state.
static inline void vigil_xml_free(xmlChar *text) { xmlFree(text); }

// Variadic, and kept for each thread: the library would write what strangers send to standard error.
static void vigil_xml_say_nothing(void *context, const char *text, ...) {
    (void)context;
    (void)text;
}

static inline xmlDocPtr vigil_xml_read(const char *text, int size, int options) {
    xmlSetGenericErrorFunc(NULL, vigil_xml_say_nothing);
    return xmlReadMemory(text, size, NULL, "UTF-8", options);
}
