// The FFmpeg libraries as Swift sees them. Only what Swift cannot import itself is re-exported
// here: function-like macros, macros with casts, and variadic functions. Written for FFmpeg 4.4 to
// 8.
#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/aes.h>
#include <libavutil/avutil.h>
#include <libavutil/dict.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libavutil/time.h>
#include <libavutil/pixdesc.h>
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// Function-like macros: FFERRTAG and AVERROR cast and negate.
static const int vigil_AVERROR_EOF = AVERROR_EOF;
static const int vigil_AVERROR_EXIT = AVERROR_EXIT;
static const int vigil_AVERROR_INVALIDDATA = AVERROR_INVALIDDATA;
static const int vigil_AVERROR_DECODER_NOT_FOUND = AVERROR_DECODER_NOT_FOUND;
static const int vigil_AVERROR_PROTOCOL_NOT_FOUND = AVERROR_PROTOCOL_NOT_FOUND;
static const int vigil_AVERROR_PATCHWELCOME = AVERROR_PATCHWELCOME;
static const int vigil_AVERROR_EAGAIN = AVERROR(EAGAIN);

// A cast of an unsigned constant to a signed one.
static const int64_t vigil_AV_NOPTS_VALUE = AV_NOPTS_VALUE;

// The key flag moved from a field of its own into `flags`.
static inline int vigil_frame_is_key(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
    return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
    return frame->key_frame;
#endif
}

// The format is a pointer to const since FFmpeg 5, a pointer to mutable before.
static inline int vigil_open_input(AVFormatContext **context, const char *url,
                                   const AVInputFormat *format, AVDictionary **options) {
#if LIBAVFORMAT_VERSION_MAJOR >= 59
    return avformat_open_input(context, url, format, options);
#else
    return avformat_open_input(context, url, (AVInputFormat *)format, options);
#endif
}

// The C library's module leaves malloc.h out. How large a block is that the library allocated.
static inline size_t vigil_allocated_size(void *block) { return malloc_usable_size(block); }

// sws_scale takes arrays of plane pointers, which Swift sees as tuples.
static inline int vigil_scale(struct SwsContext *scaler, const AVFrame *source, AVFrame *target) {
    return sws_scale(scaler, (const uint8_t *const *)source->data, source->linesize, 0,
                     source->height, target->data, target->linesize);
}

// Callbacks of a decoder with threads come on any of them; before FFmpeg 6 that had to be allowed.
static inline void vigil_allow_callbacks_on_any_thread(AVCodecContext *context) {
#if LIBAVCODEC_VERSION_MAJOR < 60
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    context->thread_safe_callbacks = 1;
#pragma GCC diagnostic pop
#else
    (void)context;
#endif
}

// About what a picture's planes will take, edges and rounding among it; negative where the format
// has no memory of its own.
static inline int vigil_picture_bytes(const AVFrame *frame) {
    return av_image_get_buffer_size((enum AVPixelFormat)frame->format,
                                    (frame->width + 127) & ~63, (frame->height + 63) & ~31, 64);
}

// Calls back once the last reference to a picture's planes goes, with the number that it was given.
static inline int vigil_note_release(AVFrame *frame, ptrdiff_t number, void *opaque,
                                     void (*released)(void *opaque, uint8_t *number)) {
    for (int place = 0; place < AV_NUM_DATA_POINTERS; place++) {
        if (frame->buf[place]) continue;
        // The data is a number and is never looked at: its size is 0.
        frame->buf[place] = av_buffer_create((uint8_t *)number, 0, released, opaque, 0);
        return frame->buf[place] ? 0 : AVERROR(ENOMEM);
    }
    return AVERROR(ENOMEM);
}

// An AVIOContext over a reader of ours. libavformat asks such a context's child for the address that
// it was led to and for the type of its content, as options; hence an AVClass, which Swift cannot
// make.
typedef struct vigil_resource {
    const AVClass *class_of_options;
    char *location;
    char *mime_type;
    void *owner;
    void (*release)(void *owner);
} vigil_resource;

static void *vigil_io_child(void *io, void *previous) {
    return previous ? NULL : ((AVIOContext *)io)->opaque;
}

static const AVOption vigil_resource_options[] = {
    {"location", "where it came from", offsetof(vigil_resource, location), AV_OPT_TYPE_STRING,
     {.str = NULL}, 0, 0, 0, 0},
    {"mime_type", "type of content", offsetof(vigil_resource, mime_type), AV_OPT_TYPE_STRING,
     {.str = NULL}, 0, 0, 0, 0},
    {NULL},
};
static const AVClass vigil_resource_class = {
    .class_name = "VigilResource",
    .item_name = av_default_item_name,
    .option = vigil_resource_options,
    .version = LIBAVUTIL_VERSION_INT,
};
static const AVClass vigil_io_class = {
    .class_name = "VigilIO",
    .item_name = av_default_item_name,
    .version = LIBAVUTIL_VERSION_INT,
    .child_next = vigil_io_child,
};

// NULL where there is no memory; the owner is not released then.
static inline AVIOContext *vigil_io_open(int size, const char *location, const char *mime_type,
                                         void *owner, void (*release)(void *),
                                         int (*read)(void *, uint8_t *, int)) {
    vigil_resource *resource = (vigil_resource *)av_mallocz(sizeof *resource);
    unsigned char *buffer = (unsigned char *)av_malloc((size_t)size);
    AVIOContext *io =
        resource && buffer ? avio_alloc_context(buffer, size, 0, resource, read, NULL, NULL) : NULL;
    if (!io) {
        av_free(buffer);
        av_free(resource);
        return NULL;
    }
    resource->class_of_options = &vigil_resource_class;
    resource->location = av_strdup(location);
    resource->mime_type = mime_type ? av_strdup(mime_type) : NULL;
    resource->owner = owner;
    resource->release = release;
    io->av_class = &vigil_io_class;
    io->seekable = 0;
    return io;
}

static inline void *vigil_io_owner(void *opaque) { return ((vigil_resource *)opaque)->owner; }

// Closes a context of vigil_io_open, or another by the library. By name, since a header's constants
// may be there more than once.
static inline int vigil_io_close(AVIOContext *io) {
    if (!io || !io->av_class || strcmp(io->av_class->class_name, "VigilIO")) return avio_close(io);
    vigil_resource *resource = (vigil_resource *)io->opaque;
    resource->release(resource->owner);
    av_freep(&resource->location);
    av_freep(&resource->mime_type);
    av_freep(&io->opaque);
    av_freep(&io->buffer);
    avio_context_free(&io);
    return 0;
}

static int vigil_context_close2(AVFormatContext *context, AVIOContext *io) {
    (void)context;
    return vigil_io_close(io);
}

static void vigil_context_close(AVFormatContext *context, AVIOContext *io) {
    (void)context;
    vigil_io_close(io);
}

// io_close2 came with FFmpeg 5, io_close went with FFmpeg 7.
static inline void vigil_take_over_closing(AVFormatContext *context) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(59, 10, 100)
    (void)vigil_context_close;
    context->io_close2 = vigil_context_close2;
#else
    (void)vigil_context_close2;
    context->io_close = vigil_context_close;
#endif
}
