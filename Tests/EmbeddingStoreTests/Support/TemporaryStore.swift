import Foundation

@testable import EmbeddingStore

/// A store in a folder of its own, gone when the test is.
final class TemporaryStore {
    let path: String
    private(set) var store: Store
    private let options: Store.Options

    init(
        memoryBytes: Int = 64 << 20, shardCount: Int? = 4, demotesInBackground: Bool = true,
        durability: Durability = .buffered, logBytesMax: Int = 1 << 30,
        clock: UnixClock = .system, removesExpiredRows: Bool = true
    ) throws {
        path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        var options = Store.Options(
            memoryBytes: memoryBytes, shardCount: shardCount, durability: durability)
        options.demotesInBackground = demotesInBackground
        options.logBytesMax = logBytesMax
        options.clock = clock
        options.removesExpiredRows = removesExpiredRows
        self.options = options
        store = try Store(path: path, options: options)
    }

    /// Stops in good order and opens again.
    func reopen(memoryBytes: Int? = nil, readOnly: Bool = false) throws {
        try store.close()
        var options = options
        options.memoryBytes = memoryBytes ?? options.memoryBytes
        options.isReadOnly = readOnly
        store = try Store(path: path, options: options)
    }

    deinit {
        do { try store.close() } catch { fatalError("closing the store of a test: \(error)") }
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Random numbers that can be had again: splitmix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

extension TableSchema {
    /// Rows of zeros that stay in float32 wherever they are, and steps that are exact for whole
    /// numbers.
    static func exact(dimension: Int) -> TableSchema {
        TableSchema(
            dimension: dimension, optimizer: .sgd(learningRate: 1), initializer: .zeros,
            hotPrecision: .float32, coldPrecision: .float32)
    }
}

/// What lies beside a path under a name that begins with its own.
func neighbours(of path: String) -> [String] {
    let url = URL(fileURLWithPath: path)
    let names = try? FileManager.default.contentsOfDirectory(
        atPath: url.deletingLastPathComponent().path)
    return (names ?? []).filter {
        $0.hasPrefix(url.lastPathComponent) && $0 != url.lastPathComponent
    }
}
