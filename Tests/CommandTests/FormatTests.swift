// Every container and codec that is promised: the picture is found in a copy of each.

import Foundation
import Testing

@Suite struct FormatTests {
    private let place: Workplace
    private let known: String

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: Clips.film())
    }

    private func expectFound(_ path: String, _ comment: Comment) throws {
        let result = try place.scan([path], known: known)
        #expect(result.status == 1, "\(comment): \(result.output)\(result.error)")
        let input = try #require(result.objects(ofType: "input").first)
        #expect(input["status"] as? String == "examined", "\(comment): \(input)")
        #expect(result.objects(ofType: "alert").count == 1, "\(comment)")
    }

    @Test(arguments: [
        ("h264.mp4", "-c:v libx264 -preset ultrafast -g 50"),
        ("h264-bframes.mkv", "-c:v libx264 -preset veryfast -bf 3 -g 50"),
        ("h264-444.mkv", "-c:v libx264 -preset ultrafast -pix_fmt yuv444p -g 50"),
        ("h264-full.mov", "-c:v libx264 -preset ultrafast -pix_fmt yuvj420p -color_range pc -g 50"),
        ("hevc.mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=none -g 50"),
        (
            "hevc-10bit.mkv",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le -g 50"
        ),
        ("vp8.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -g 50"),
        ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M -g 50"),
        ("av1.mkv", "-c:v libsvtav1 -preset 12 -crf 40 -g 50"),
        ("mpeg2.ts", "-c:v mpeg2video -b:v 2M -g 15"),
        ("mpeg2-interlaced.mpg", "-c:v mpeg2video -b:v 2M -flags +ildct+ilme -g 15"),
        ("mpeg4.avi", "-c:v mpeg4 -q:v 4 -g 50"),
        ("mjpeg.mkv", "-c:v mjpeg -q:v 5 -pix_fmt yuvj420p"),
        ("flash.flv", "-c:v flv1 -q:v 4 -g 50"),
        ("h264.flv", "-c:v libx264 -preset ultrafast -g 50"),
        ("h264.ts", "-c:v libx264 -preset ultrafast -g 50"),
        (
            "fragmented.mp4",
            "-c:v libx264 -preset ultrafast -g 50 -movflags frag_keyframe+empty_moov"
        ),
        ("list.m3u8", "-c:v libx264 -preset ultrafast -g 50 -hls_time 2 -hls_list_size 0"),
        (
            "fmp4.m3u8",
            "-c:v libx264 -preset ultrafast -g 50 -hls_time 2 -hls_list_size 0 -hls_segment_type fmp4"
        ),
        ("odd.mkv", "-vf crop=311:233 -c:v libx264 -preset ultrafast -pix_fmt yuv444p -g 50"),
    ])
    func video(_ name: String, _ encoder: String) throws {
        let path = place.file(name)
        try Program.ffmpeg("-i \(try Clips.film()) -an \(encoder) \(path)")
        try expectFound(path, "\(name)")
    }

    @Test(arguments: [
        ("s.jpg", "-q:v 3"), ("s.png", ""), ("s-grey.png", "-pix_fmt gray"),
        ("s-16.png", "-pix_fmt rgb48be"), ("s-palette.png", "-pix_fmt pal8"), ("s.webp", ""),
        ("s-lossless.webp", "-lossless 1"), ("s.bmp", ""), ("s.tif", ""), ("s.gif", ""),
    ])
    func stillPicture(_ name: String, _ encoder: String) throws {
        let path = place.file(name)
        try Program.ffmpeg("-ss 2 -i \(try Clips.film()) -frames:v 1 \(encoder) \(path)")
        try expectFound(path, "\(name)")
    }

    @Test func namesWithPatternsAreNames() throws {
        let path = place.file("shot%03d.png")
        let plain = place.file("plain.png")
        try Program.ffmpeg("-ss 2 -i \(try Clips.film()) -frames:v 1 \(plain)")
        try FileManager.default.moveItem(atPath: plain, toPath: path)
        try expectFound(path, "pattern")
    }

    @Test func aSecondVideoTrackIsExamined() throws {
        let path = place.file("two.mkv")
        try Program.ffmpeg(
            "-i \(try Clips.other()) -i \(try Clips.film()) -map 0:v -map 1:v -c copy \(path)")
        try expectFound(path, "two tracks")
    }

    @Test func aCoverPictureIsExamined() throws {
        let cover = place.file("cover.jpg")
        try Program.ffmpeg("-ss 2 -i \(try Clips.film()) -frames:v 1 \(cover)")
        let path = place.file("song.mp3")
        try Program.ffmpeg(
            "-f lavfi -i sine=d=2 -i \(cover) -map 0 -map 1 -c:v copy -id3v2_version 3 \(path)")
        try expectFound(path, "cover")
    }
}
