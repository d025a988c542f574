// The names of a manifest (ISO/IEC 23009-1) that are looked at. What has another name is left out, with
// all that is in it, while the manifest is parsed.

/// Elements.
enum DASHElement: UInt8, CaseIterable {
    // Those that come often first.
    case entry, segmentURL, representation, period, adaptationSet, baseURL, segmentTemplate
    case segmentTimeline, segmentList, initialization, contentComponent, contentProtection
    case essentialProperty, supplementalProperty, presentation

    var name: StaticString {
        switch self {
        case .entry: "S"
        case .segmentURL: "SegmentURL"
        case .representation: "Representation"
        case .period: "Period"
        case .adaptationSet: "AdaptationSet"
        case .baseURL: "BaseURL"
        case .segmentTemplate: "SegmentTemplate"
        case .segmentTimeline: "SegmentTimeline"
        case .segmentList: "SegmentList"
        case .initialization: "Initialization"
        case .contentComponent: "ContentComponent"
        case .contentProtection: "ContentProtection"
        case .essentialProperty: "EssentialProperty"
        case .supplementalProperty: "SupplementalProperty"
        case .presentation: "MPD"
        }
    }
}

/// Attributes.
enum DASHAttribute: UInt8, CaseIterable {
    case t, d, r, media, mediaRange, id, bandwidth, width, height, codecs, mimeType, contentType
    case start, duration, timescale, startNumber, endNumber, presentationTimeOffset
    case initialization, sourceURL, range, schemeIdUri, type, publishTime, availabilityStartTime
    case mediaPresentationDuration

    var name: StaticString {
        switch self {
        case .t: "t"
        case .d: "d"
        case .r: "r"
        case .media: "media"
        case .mediaRange: "mediaRange"
        case .id: "id"
        case .bandwidth: "bandwidth"
        case .width: "width"
        case .height: "height"
        case .codecs: "codecs"
        case .mimeType: "mimeType"
        case .contentType: "contentType"
        case .start: "start"
        case .duration: "duration"
        case .timescale: "timescale"
        case .startNumber: "startNumber"
        case .endNumber: "endNumber"
        case .presentationTimeOffset: "presentationTimeOffset"
        case .initialization: "initialization"
        case .sourceURL: "sourceURL"
        case .range: "range"
        case .schemeIdUri: "schemeIdUri"
        case .type: "type"
        case .publishTime: "publishTime"
        case .availabilityStartTime: "availabilityStartTime"
        case .mediaPresentationDuration: "mediaPresentationDuration"
        }
    }
}
