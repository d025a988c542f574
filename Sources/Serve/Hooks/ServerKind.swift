// The media servers whose own forms are known here.

/// A kind of media server.
public enum ServerKind: String, Sendable, CaseIterable, Codable {
    /// nginx with its RTMP module.
    case nginxRTMP = "nginx-rtmp"
    /// MediaMTX.
    case mediaMTX = "mediamtx"
    /// Simple Realtime Server.
    case srs
    /// OvenMediaEngine.
    case ovenMediaEngine = "ovenmediaengine"
    /// Ant Media Server.
    case antMedia = "ant-media"
    /// Wowza Streaming Engine.
    case wowza
    /// LiveKit.
    case liveKit = "livekit"
    /// Cloudflare Stream.
    case cloudflareStream = "cloudflare-stream"
    /// Anything that can send an HTTP request when a stream begins.
    case generic

    /// Whether the server waits for the answer to its hook and publishes only what that allows.
    ///
    /// Where it does not, somebody who comes back after a stop has to be stopped again.
    public var asksBeforePublishing: Bool {
        switch self {
        case .nginxRTMP, .mediaMTX, .srs, .ovenMediaEngine, .antMedia, .generic: true
        case .wowza, .liveKit, .cloudflareStream: false
        }
    }
}
