// swift-tools-version: 6.2
// Targets stand in pipeline order; a target may import only targets above it.
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "vigil",
    products: [
        .executable(name: "vigil", targets: ["vigil"]),
        // For the benchmarks, which are a package of their own.
        .library(name: "Decode", targets: ["Decode"]),
        .library(name: "Fingerprint", targets: ["Fingerprint"]),
        .library(name: "Known", targets: ["Known"]),
        .library(name: "Match", targets: ["Match"]),
        .library(name: "Run", targets: ["Run"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CFFmpeg", pkgConfig: "libavformat",
            providers: [
                .apt(["libavformat-dev", "libavcodec-dev", "libavutil-dev", "libswscale-dev"])
            ]),
        .systemLibrary(
            name: "CXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(name: "CAllocator", linkerSettings: [.linkedLibrary("jemalloc")]),
        .target(name: "CHashKernels"),
        .target(name: "CProcess"),
        .target(
            name: "Decode",
            dependencies: ["CAllocator", "CCurl", "CFFmpeg", "CProcess", "CXML2"],
            swiftSettings: settings),
        .target(name: "Fingerprint", dependencies: ["CHashKernels"], swiftSettings: settings),
        .target(
            name: "Known",
            dependencies: ["Fingerprint", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings),
        .target(
            name: "Match", dependencies: ["CHashKernels", "Fingerprint", "Known"],
            swiftSettings: settings),
        .target(
            name: "Report",
            dependencies: [
                "Match", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings),
        .target(
            name: "Run",
            dependencies: [
                "CProcess", "Decode", "Fingerprint", "Known", "Match", "Report",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings),
        .target(
            name: "Measure",
            dependencies: ["Decode", "Fingerprint", "Known", "Match", "Report", "Run"],
            swiftSettings: settings),
        .target(
            name: "Serve",
            dependencies: [
                "CAllocator", "CProcess", "Decode", "Known", "Match", "Report", "Run",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("openapi.json")],
            swiftSettings: settings),
        .executableTarget(
            name: "vigil",
            dependencies: [
                "CFFmpeg", "CHashKernels", "CProcess", "Decode", "Fingerprint", "Known", "Match",
                "Measure", "Report", "Run", "Serve",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // A consumer of webhooks to begin with; it uses nothing of Vigil.
        .executableTarget(
            name: "sample-receiver",
            dependencies: [
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "samples/receivers/swift", swiftSettings: settings),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        // The parsers that take a stranger's bytes; `scripts/fuzz` builds the runner with libFuzzer.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Decode", "Fingerprint", "Known", "Match", "Report", "Run", "Serve",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            path: "Tests/FuzzTargets", swiftSettings: settings),
        .executableTarget(
            name: "vigil-fuzz", dependencies: ["FuzzTargets"], path: "Tests/FuzzRunner",
            swiftSettings: settings),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzTargets"], exclude: ["Corpus"],
            swiftSettings: settings),
        .testTarget(
            name: "FingerprintTests", dependencies: ["Fingerprint", "CHashKernels", "TestSupport"],
            resources: [.copy("Vectors")], swiftSettings: settings),
        .testTarget(
            name: "DecodeTests", dependencies: ["CProcess", "Decode", "TestSupport"],
            swiftSettings: settings),
        .testTarget(name: "MeasureTests", dependencies: ["Measure"], swiftSettings: settings),
        .testTarget(
            name: "KnownTests", dependencies: ["Known", "Fingerprint"], swiftSettings: settings),
        .testTarget(
            name: "MatchTests",
            dependencies: ["CHashKernels", "Match", "Fingerprint", "Known", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ReportTests",
            dependencies: [
                "Report", "Match", "TestSupport", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "RunTests",
            dependencies: [
                "Run", "Decode", "Fingerprint", "Known", "Match", "Report", "TestSupport",
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ServeTests",
            dependencies: [
                "Decode", "Fingerprint", "Match", "Report", "Run", "Serve", "TestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // Runs the built executable as its users do, on clips that it makes or that stand beside the checkout.
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "Decode", "Fingerprint", "Match", "Report", "Run", "TestSupport", "sample-receiver",
                "vigil",
            ],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
