import Foundation
import Testing

@testable import EmbeddingStore

/// The log by itself: who gets in, what it promises and what it refuses.
@Suite final class WriteAheadLogTests: Sendable {
    private let folder = NSTemporaryDirectory() + "thermocline-log-\(UUID().uuidString)"

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func makeLog(_ durability: Durability = .buffered, bytesMax: Int = 4 << 20) throws
        -> WriteAheadLog
    {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        return try WriteAheadLog(
            folder: folder, options: .init(durability: durability, bytesMax: bytesMax), older: [],
            nextSegment: 1, nextBlock: 1)
    }

    @discardableResult
    private func write(_ key: UInt64, count: Int = 1, to log: WriteAheadLog) throws -> Commit {
        let bytes = LogEntry.byteCountMax(records: count, recordBytes: 8, sections: 1)
        let pass = try log.enterWhenRoom(reserving: bytes, timeoutSeconds: 10)
        if let entry = pass.entry {
            entry.begin(.created, table: 1, recordBytes: 8)
            entry.beginSection(ticket: log.ticket())
            for _ in 0..<count { entry.append(key: key) }
        }
        return log.leave(pass, pushes: 1)
    }

    private func recovered() throws -> (keys: [UInt64], report: RecoveryReport) {
        var keys: [UInt64] = []
        let recovery = Recovery(folder: folder, acceptsDamage: false, progress: { _, _ in })
        let result = try recovery.run(first: 1, isExpected: true) { _, section in
            keys.append(unsafe section.records.loadUnaligned(as: UInt64.self))
        }
        return (keys, result.report)
    }

    @Test(arguments: [Durability.buffered, .synced])
    func whatIsCommittedIsRead(durability: Durability) throws {
        let log = try makeLog(durability)
        for key in 0..<100 as Range<UInt64> {
            let commit = try write(key, to: log)
            try commit.wait()
            #expect(commit.isDone)
        }
        log.stop()
        #expect(try recovered().keys == Array(0..<100))
    }

    /// Buffers are used again: one that nothing was written to must not repeat what it held before.
    @Test func whoLeavesWithoutAWordAddsNothing() throws {
        let log = try makeLog()
        try write(1, to: log).wait()
        for _ in 0..<3 {
            let pass = try #require(try log.enter(reserving: 64))
            #expect(log.leave(pass, pushes: 1).isDone)
        }
        try write(2, to: log).wait()
        log.stop()
        #expect(try recovered().keys == [1, 2])
    }

    /// Requests that come together share blocks, and none is lost.
    @Test func manyWritersShareBlocks() throws {
        let log = try makeLog()
        let writers = (0..<8).map { writer in
            BlockingTask { [self] in
                for at in 0..<200 { try write(UInt64(writer * 1000 + at), to: log).wait() }
            }
        }
        for writer in writers { try writer.value() }
        log.stop()
        let keys = try recovered().keys
        #expect(keys.count == 1600)
        for writer in 0..<8 {
            let own = keys.filter { $0 / 1000 == writer }
            #expect(own == own.sorted() && own.count == 200)
        }
    }

    /// A request that is inside holds back the block that those who came after it are in.
    @Test func aBlockWaitsForThoseInside() throws {
        let log = try makeLog()
        let pass = try #require(try log.enter(reserving: 100))
        let commit = try write(7, to: log)
        let told = DispatchSemaphore(value: 0)
        commit.whenDone { _ in told.signal() }
        #expect(told.wait(timeout: .now() + 0.05) == .timedOut)
        #expect(!commit.isDone)
        _ = log.leave(pass, pushes: 0)
        told.wait()
        #expect(commit.isDone)
        try log.settle()
        log.stop()
    }

    @Test func aWriteThatCannotFitIsRefused() throws {
        let log = try makeLog()
        defer { log.stop() }
        #expect(try log.enter(reserving: 2 << 20) == nil)
        #expect {
            _ = try log.enterWhenRoom(reserving: 2 << 20, timeoutSeconds: 10)
        } throws: { error in
            guard case .tooLarge = error as? StoreError else { return false }
            return true
        }
        // Larger than a segment, but not than a quarter of the log: it gets one of its own.
        try write(3, count: 100_000, to: log).wait()
    }

    /// A full log lets nobody in until it is cut.
    @Test func aFullLogWaitsForACut() throws {
        let log = try makeLog()
        var entries = 0
        while let pass = try? log.enterWhenRoom(reserving: 100_000, timeoutSeconds: 0.3) {
            let entry = try #require(pass.entry)
            entry.begin(.created, table: 1, recordBytes: 8)
            entry.beginSection(ticket: log.ticket())
            for key in 0..<10_000 as Range<UInt64> { entry.append(key: key) }
            try log.leave(pass, pushes: 1).wait()
            entries += 1
        }
        #expect((20...60).contains(entries))
        #expect(throws: StoreError.overloaded(retryAfterMs: 100)) {
            _ = try log.enterWhenRoom(reserving: 100_000, timeoutSeconds: 0.05)
        }
        #expect(log.waitUntilLarge())
        let waiting = BlockingTask { [self] in try write(5, count: 10_000, to: log).wait() }
        log.removeSegments(before: try log.rotate())
        try waiting.value()
        log.stop()
        #expect(!log.waitUntilLarge())
    }

    /// Without durability nothing is written, but for as long as somebody wants it.
    @Test func recordingIsForCheckpointsWithoutDurability() throws {
        let log = try makeLog(.none)
        #expect(try write(1, to: log).isDone)
        let first = try log.rotate(recording: true)
        #expect(try write(2, to: log).isDone)
        try log.settle()
        let end = try log.rotate()
        try write(3, to: log)
        _ = try log.rotate(recording: false)
        try write(4, to: log)
        var keys: [UInt64] = []
        for number in first..<end {
            let file = LogSegment.path(folder: folder, number: number)
            try Recovery.withContents(of: file) { (bytes) throws(StoreError) in
                guard var reader = try? unsafe LogReader(bytes, segment: number) else {
                    throw .damaged(file)
                }
                while case .block(let block) = reader.next(expected: nil) {
                    for section in block.entries.flatMap(\.sections) {
                        keys.append(unsafe section.records.loadUnaligned(as: UInt64.self))
                    }
                }
            }
        }
        #expect(keys == [2])
        log.stop()
        log.removeAllSegments()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    }
}
