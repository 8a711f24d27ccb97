// swift-tools-version: 6.2

import PackageDescription

/// What every Swift target of this package is held to.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nio = "swift-nio"

let package = Package(
    name: "thermocline",
    products: [
        .executable(name: "thermocline", targets: ["thermocline"]),
        .library(name: "EmbeddingStore", targets: ["EmbeddingStore"]),
        .library(name: "EmbeddingServer", targets: ["EmbeddingServer"]),
        .library(name: "EmbeddingClient", targets: ["EmbeddingClient"]),
        .library(name: "CTRLab", targets: ["CTRLab"]),
        .library(name: "RowFiles", targets: ["RowFiles"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CRocksDB", pkgConfig: "rocksdb", providers: [.apt(["librocksdb-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "CKernels"),
        .target(
            name: "CSSTFiles", dependencies: ["CRocksDB"],
            linkerSettings: [.linkedLibrary("rocksdb")]),
        .target(
            name: "EmbeddingStore",
            dependencies: [
                "CKernels", "CRocksDB", "CSSTFiles", "CLinux", "CLZ4", "CZlib", "COpenBLAS",
                .product(name: "NIOConcurrencyHelpers", package: nio),
            ],
            // This module owns the raw memory of rows; every use of it is marked.
            swiftSettings: strict + [.strictMemorySafety()]),
        .target(name: "RowFiles", swiftSettings: strict),
        .target(
            name: "EmbeddingWire",
            dependencies: [.product(name: "NIOCore", package: nio)],
            exclude: ["Protocol.md"],
            swiftSettings: strict),
        .target(
            name: "EmbeddingAccess",
            dependencies: [
                "EmbeddingWire",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        .target(
            name: "EmbeddingServer",
            dependencies: [
                "EmbeddingStore", "EmbeddingWire", "EmbeddingAccess", "CLinux",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOConcurrencyHelpers", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: strict),
        .target(
            name: "EmbeddingClient",
            dependencies: [
                "EmbeddingWire", "EmbeddingAccess",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOConcurrencyHelpers", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        .target(
            name: "CTRLab",
            dependencies: [
                "CKernels", "EmbeddingStore", "EmbeddingClient", "COpenBLAS", "CZlib",
                .product(name: "NIOCore", package: nio),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "thermocline",
            dependencies: [
                "EmbeddingStore", "EmbeddingServer", "EmbeddingClient", "EmbeddingAccess",
                "EmbeddingWire", "CTRLab", "RowFiles",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
            ],
            swiftSettings: strict),
        // Not a test: what tests of several targets mutate their input with.
        .target(
            name: "Fuzzing",
            dependencies: [
                "EmbeddingClient", "EmbeddingWire",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOConcurrencyHelpers", package: nio),
            ],
            path: "Tests/Fuzzing",
            swiftSettings: strict),
        .testTarget(
            name: "CKernelsTests", dependencies: ["CKernels"], swiftSettings: strict),
        .testTarget(
            name: "EmbeddingStoreTests",
            dependencies: [
                "CKernels", "EmbeddingStore", "Fuzzing",
                .product(name: "NIOConcurrencyHelpers", package: nio),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RowFilesTests",
            dependencies: ["RowFiles", "Fuzzing"],
            swiftSettings: strict),
        .testTarget(
            name: "CTRLabTests",
            dependencies: ["CTRLab", "EmbeddingStore"],
            swiftSettings: strict),
        .testTarget(
            name: "EmbeddingWireTests",
            dependencies: ["EmbeddingWire", "Fuzzing", .product(name: "NIOCore", package: nio)],
            swiftSettings: strict),
        .testTarget(
            name: "EmbeddingAccessTests",
            dependencies: ["EmbeddingAccess"],
            swiftSettings: strict),
        .testTarget(
            name: "EmbeddingClientTests",
            dependencies: [
                "EmbeddingClient", "EmbeddingWire", "EmbeddingAccess",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOEmbedded", package: nio),
                .product(name: "NIOPosix", package: nio),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "thermoclineTests",
            dependencies: [
                "thermocline", "CTRLab", "EmbeddingClient", "EmbeddingServer", "EmbeddingStore",
                "EmbeddingWire", "RowFiles",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EmbeddingServerTests",
            dependencies: [
                "EmbeddingServer", "EmbeddingClient", "EmbeddingAccess", "EmbeddingStore",
                "EmbeddingWire", "Fuzzing",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOEmbedded", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
    ],
    // What the headers of RocksDB ask for.
    cxxLanguageStandard: .cxx17
)

// Benchmarks bring a package of their own, and code that only they need: they exist only when asked for.
if Context.environment["THERMOCLINE_BENCHMARKS"] != nil {
    package.dependencies.append(
        .package(url: "https://github.com/ordo-one/benchmark.git", from: "1.38.1", traits: []))
    package.targets.append(.systemLibrary(name: "CLimits", path: "Benchmarks/CLimits"))
    package.targets.append(
        .executableTarget(
            name: "ThermoclineBenchmarks",
            dependencies: [
                "CLimits", "CKernels", "CRocksDB", "COpenBLAS", "EmbeddingStore", "EmbeddingWire",
                "EmbeddingServer", "EmbeddingClient",
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: nio),
            ],
            path: "Benchmarks/Thermocline",
            swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]))
}

// What tools/fuzz-server runs.
if Context.environment["THERMOCLINE_FUZZ_SERVER"] != nil {
    package.targets.append(
        .executableTarget(
            name: "FuzzServer",
            dependencies: [
                "Fuzzing", "EmbeddingWire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/FuzzServer",
            swiftSettings: strict))
}

// What tools/instruction-counts runs.
if Context.environment["THERMOCLINE_HOT_PATHS"] != nil {
    package.targets.append(
        .executableTarget(
            name: "HotPaths",
            dependencies: [
                "EmbeddingStore", "EmbeddingWire", .product(name: "NIOCore", package: nio),
            ],
            path: "Benchmarks/HotPaths",
            swiftSettings: strict))
}
