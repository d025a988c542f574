// libxml2 as Swift sees it: the parser, which tells of what it finds, with which DASH manifests are
// read.
#pragma once

// Debian's libxml2 shows the structures of ICU, which Foundation brings another version of; a module
// cannot have both. None of its functions that use them are called here.
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED

#include <libxml/parser.h>
#include <string.h>

// The callbacks' first argument is the parser, from which their owner comes.
static inline void *vigil_xml_owner(void *parser) { return ((xmlParserCtxtPtr)parser)->_private; }

static inline void vigil_xml_stop(void *parser) { xmlStopParser((xmlParserCtxtPtr)parser); }

// Variadic, and kept for each thread: the library would write what strangers send to standard error.
static void vigil_xml_say_nothing(void *context, const char *text, ...) {
    (void)context;
    (void)text;
}

// The library would go on after an error, without telling anybody.
#if LIBXML_VERSION >= 21200
static void vigil_xml_stop_at_error(void *parser, const xmlError *error) {
#else
static void vigil_xml_stop_at_error(void *parser, xmlErrorPtr error) {
#endif
    if (error && error->level == XML_ERR_FATAL) xmlStopParser((xmlParserCtxtPtr)parser);
}

// Reads a text and tells of what is in it. Zero where it is not well formed, or was stopped by an
// error of its own.
static inline int vigil_xml_read(const char *text, int size, void *owner,
                                 startElementNsSAX2Func start, endElementNsSAX2Func end,
                                 charactersSAXFunc characters, internalSubsetSAXFunc doctype) {
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    if (!parser) return 0;
    memset(parser->sax, 0, sizeof *parser->sax);
    parser->sax->initialized = XML_SAX2_MAGIC;
    parser->sax->startElementNs = start;
    parser->sax->endElementNs = end;
    parser->sax->characters = characters;
    parser->sax->internalSubset = doctype;
    parser->sax->serror = vigil_xml_stop_at_error;
    parser->_private = owner;
    xmlSetGenericErrorFunc(NULL, vigil_xml_say_nothing);
    // No entities are put in, nothing is fetched, and limits on depth and length stay.
    xmlCtxtReadMemory(parser, text, size, NULL, "UTF-8",
                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                          XML_PARSE_NOCDATA);
    int is_well_formed = parser->wellFormed;
    // Nothing is built, unless a newer version does so by itself.
    if (parser->myDoc) xmlFreeDoc(parser->myDoc);
    parser->myDoc = NULL;
    xmlFreeParserCtxt(parser);
    return is_well_formed;
}
