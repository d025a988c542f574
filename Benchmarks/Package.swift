// swift-tools-version: 6.2
// Benchmarks are a package of their own, so that those who build Vigil need not build the benchmark harness.
import PackageDescription

let package = Package(
    name: "vigil-benchmarks",
    dependencies: [
        .package(name: "vigil", path: ".."),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Micro",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Decode", package: "vigil"),
                .product(name: "Fingerprint", package: "vigil"),
                .product(name: "Known", package: "vigil"),
                .product(name: "Match", package: "vigil"),
                .product(name: "Run", package: "vigil"),
            ],
            path: "Benchmarks/Micro",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ],
    swiftLanguageModes: [.v6]
)
