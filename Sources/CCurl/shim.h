// libcurl as Swift sees it. Only what Swift cannot import itself is re-exported here: variadic
// functions, and what changed between versions. Written for libcurl 7.68 to 8.
#pragma once

#include <curl/curl.h>

// curl_easy_setopt, curl_multi_setopt and curl_easy_getinfo are variadic.
static inline CURLcode vigil_curl_set_number(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode vigil_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode vigil_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}

// For the write and the header function.
static inline CURLcode vigil_curl_set_sink(CURL *easy, CURLoption option,
                                           size_t (*sink)(char *, size_t, size_t, void *)) {
    return curl_easy_setopt(easy, option, sink);
}

static inline CURLcode vigil_curl_set_socket_opener(
    CURL *easy, curl_socket_t (*opener)(void *, curlsocktype, struct curl_sockaddr *)) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, opener);
}

// The list of protocols became a text; the number is deprecated.
static inline CURLcode vigil_curl_allow_http_only(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

// A look-up that does not end would else hold up whoever stops the transfer, for as long as the
// resolver takes.
static inline void vigil_curl_leave_lookups(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy;
#endif
}

// NULL where there is none; belongs to the handle.
static inline const char *vigil_curl_get_text(CURL *easy, CURLINFO info) {
    char *text = NULL;
    return curl_easy_getinfo(easy, info, &text) == CURLE_OK ? text : NULL;
}

static inline long vigil_curl_get_number(CURL *easy, CURLINFO info) {
    long number = 0;
    return curl_easy_getinfo(easy, info, &number) == CURLE_OK ? number : 0;
}

static inline CURLMcode vigil_curl_multi_set_number(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

static inline CURLSHcode vigil_curl_share(CURLSH *share, curl_lock_data what) {
    return curl_share_setopt(share, CURLSHOPT_SHARE, what);
}

// A message's result stands in a union. The handle that has ended, or NULL.
static inline CURL *vigil_curl_next_ended(CURLM *multi, CURLcode *result) {
    int left = 0;
    CURLMsg *message = curl_multi_info_read(multi, &left);
    while (message != NULL && message->msg != CURLMSG_DONE)
        message = curl_multi_info_read(multi, &left);
    if (message == NULL) return NULL;
    *result = message->data.result;
    return message->easy_handle;
}

// Macros that cast.
static const size_t vigil_CURL_WRITEFUNC_PAUSE = CURL_WRITEFUNC_PAUSE;
static const curl_socket_t vigil_CURL_SOCKET_BAD = CURL_SOCKET_BAD;
static const long vigil_CURLAUTH_OF_URLS = CURLAUTH_BASIC | CURLAUTH_DIGEST;
