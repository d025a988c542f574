// The FFmpeg libraries as Swift sees them. Only what Swift cannot import itself is re-exported
// here: function-like macros, macros with casts, and variadic functions. Written for FFmpeg 4.4 to
// 8.
#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/dict.h>
#include <libavutil/log.h>
#include <libavutil/time.h>
#include <libavutil/pixdesc.h>
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>

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

// sws_scale takes arrays of plane pointers, which Swift sees as tuples.
static inline int vigil_scale(struct SwsContext *scaler, const AVFrame *source, AVFrame *target) {
    return sws_scale(scaler, (const uint8_t *const *)source->data, source->linesize, 0,
                     source->height, target->data, target->linesize);
}
