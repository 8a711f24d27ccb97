import Foundation

@testable import EmbeddingStore

/// Another cold tier that fails or stands still when a test says so.
final class FaultyColdTier: ColdTier, @unchecked Sendable {  // plain properties are guarded by `condition`
    enum Operation: Hashable { case read, write, scan, putCatalog, sync }

    /// What every failing operation throws.
    static let failure = StoreError.storageFailed("the disk fails on demand")

    private let below: any ColdTier
    private let condition = NSCondition()
    /// Calls of an operation that still succeed; without an entry all do.
    private var successesLeft: [Operation: Int] = [:]
    private var held: Set<Operation> = []
    private var waiting: [Operation: Int] = [:]
    private var calls: [Operation: Int] = [:]

    /// So that a defect shows as a failed test and not as one that never ends.
    private static let holdSecondsMax = 120.0

    init(_ below: any ColdTier) { self.below = below }

    // MARK: what tests say

    /// Every call of `operation` fails after `successes` more.
    func fail(_ operation: Operation, after successes: Int = 0) {
        condition.withLock { successesLeft[operation] = successes }
    }

    func recover() { condition.withLock { successesLeft = [:] } }

    /// Calls of `operation` stand still from now on.
    func hold(_ operation: Operation) { condition.withLock { _ = held.insert(operation) } }

    func release(_ operation: Operation) {
        condition.withLock {
            held.remove(operation)
            condition.broadcast()
        }
    }

    /// Waits until a call of `operation` stands still; false when none comes.
    func waitUntilHeld(_ operation: Operation) -> Bool {
        let deadline = Date(timeIntervalSinceNow: Self.holdSecondsMax)
        condition.lock()
        defer { condition.unlock() }
        while waiting[operation, default: 0] == 0 {
            if !condition.wait(until: deadline) { return false }
        }
        return true
    }

    /// The same without blocking the thread, which the call that is waited for may need.
    func untilHeld(_ operation: Operation) async throws -> Bool {
        let deadline = Date(timeIntervalSinceNow: Self.holdSecondsMax)
        while condition.withLock({ waiting[operation, default: 0] == 0 }) {
            if Date() > deadline { return false }
            try await Task.sleep(for: .milliseconds(2))
        }
        return true
    }

    func callCount(_ operation: Operation) -> Int {
        condition.withLock { calls[operation, default: 0] }
    }

    private func enter(_ operation: Operation) throws(StoreError) {
        let deadline = Date(timeIntervalSinceNow: Self.holdSecondsMax)
        condition.lock()
        defer { condition.unlock() }
        calls[operation, default: 0] += 1
        if held.contains(operation) {
            waiting[operation, default: 0] += 1
            condition.broadcast()
            while held.contains(operation) {
                if !condition.wait(until: deadline) { break }
            }
            waiting[operation, default: 0] -= 1
            if held.contains(operation) { throw Self.failure }
        }
        guard let left = successesLeft[operation] else { return }
        if left == 0 { throw Self.failure }
        successesLeft[operation] = left - 1
    }

    // MARK: the cold tier

    func catalog() throws(StoreError) -> [String: [UInt8]] { try below.catalog() }

    func putCatalog(_ records: [String: [UInt8]?]) throws(StoreError) {
        try enter(.putCatalog)
        try below.putCatalog(records)
    }

    var tables: Set<UInt32> { below.tables }
    func createTable(_ table: UInt32) throws(StoreError) { try below.createTable(table) }
    func dropTable(_ table: UInt32) throws(StoreError) { try below.dropTable(table) }

    func read(_ keys: [UInt64], table: UInt32) throws(StoreError) -> ColdRows {
        try enter(.read)
        return try below.read(keys, table: table)
    }

    func write(_ rows: ColdRows, table: UInt32, keyCount: Int?) throws(StoreError) {
        try enter(.write)
        try below.write(rows, table: table, keyCount: keyCount)
    }

    func keyCount(table: UInt32) throws(StoreError) -> Int? { try below.keyCount(table: table) }

    func scan(
        table: UInt32, _ body: (UInt64, UnsafeRawBufferPointer) throws(StoreError) -> Bool
    ) throws(StoreError) {
        try enter(.scan)
        try below.scan(table: table, body)
    }

    func byteCount(table: UInt32) -> Int { below.byteCount(table: table) }
    func rowFiles() throws(StoreError) -> [String: UInt32?] { try below.rowFiles() }

    func keepWrites(synced: Bool) { below.keepWrites(synced: synced) }

    func sync() throws(StoreError) {
        try enter(.sync)
        try below.sync()
    }

    func checkpoint(to path: String) throws(StoreError) { try below.checkpoint(to: path) }
    func close() { below.close() }
}
