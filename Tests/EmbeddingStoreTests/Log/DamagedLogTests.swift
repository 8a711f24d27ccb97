import Foundation
import Testing

@testable import EmbeddingStore

/// A log of which bytes are flipped, cut off or missing: a start recovers a prefix and says so, or
/// names the damage; rows are as after some number of whole writes.
@Suite struct DamagedLogTests {
    private static let cases =
        Int(
            ProcessInfo.processInfo.environment["THERMOCLINE_DAMAGE_CASES"] ?? "") ?? 60
    private static let seed =
        UInt64(
            ProcessInfo.processInfo.environment["THERMOCLINE_SEED"] ?? "") ?? 1
    private static let pushes = 40
    private static let ids = Array(0..<50 as Range<UInt64>)

    /// Every push adds one to every row, so all rows of both tables say how many pushes there were.
    private static func makeStore(logBytesMax: Int = 1 << 30) throws -> CrashedStore {
        let crashed = try CrashedStore(durability: .synced, logBytesMax: logBytesMax)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 4))
        for _ in 0..<pushes {
            try table.push(ids, Array(repeating: -1, count: ids.count * 4))
        }
        return crashed
    }

    enum Outcome {
        case pushes(Int, RecoveryReport)
        case refused(String)
    }

    /// Opens what is at `path`; the rows must agree with each other.
    private static func open(
        _ path: String, accepts: Bool = false, _ ids: [UInt64] = ids
    ) throws -> Outcome {
        let store: Store
        do {
            store = try CrashedStore.open(path, memoryBytes: 1 << 20, acceptsDamagedLog: accepts)
        } catch StoreError.damaged(let detail) {
            return .refused(detail)
        }
        defer { try? store.close() }
        let table = try store.table(named: "t")
        let rows = try table.pull(ids, create: false)
        expectAll(rows, are: rows[0], "the rows are of one moment")
        #expect(try table.contains(ids).allSatisfy { $0 == (rows[0] > 0) })
        return .pushes(Int(rows[0]), store.recovery)
    }

    @Test func everyFlippedByteIsSeen() throws {
        let crashed = try Self.makeStore()
        let whole = try crashed.die()
        let file = try #require(try CrashedStore.logFiles(whole).first)
        let original = try Data(contentsOf: URL(fileURLWithPath: file))
        // Behind the last block there is nothing to damage.
        let written = try #require(original.lastIndex { $0 != 0 }) + 1
        var generator = SeededGenerator(seed: Self.seed)
        var refused = 0
        for number in 0..<Self.cases {
            let at = Int.random(in: 0..<written, using: &generator)
            var damaged = original
            damaged[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            let path = whole + "-\(number)"
            defer { try? FileManager.default.removeItem(atPath: path) }
            try FileManager.default.copyItem(atPath: whole, toPath: path)
            let name = URL(fileURLWithPath: file).lastPathComponent
            try damaged.write(to: URL(fileURLWithPath: "\(path)/log/\(name)"))
            switch try Self.open(path) {
            case .refused(let detail):
                refused += 1
                #expect(detail.contains(name), "\(detail)")
                guard at >= LogFormat.segmentHeaderBytes else { continue }
                // At the user's word, what comes before the damage.
                guard case .pushes(let pushes, let report) = try Self.open(path, accepts: true)
                else {
                    Issue.record("byte \(at): still refused, seed \(Self.seed)")
                    continue
                }
                #expect(pushes < Self.pushes && report.putAside.count >= 1)
                guard case .pushes(pushes, _) = try Self.open(path) else {
                    Issue.record("byte \(at): refused afterwards, seed \(Self.seed)")
                    continue
                }
            case .pushes(let pushes, let report):
                // Only the last block can be taken for one that was being written, and fields that
                // are always 0 mean nothing.
                #expect(
                    pushes == Self.pushes
                        || pushes == Self.pushes - 1 && report.droppedBytes > 0,
                    "byte \(at), seed \(Self.seed): \(pushes) pushes, \(report)")
            }
        }
        #expect(refused > Self.cases / 2)
    }

    @Test func aLogThatIsCutOffAnywhereGivesAPrefix() throws {
        let crashed = try Self.makeStore()
        let whole = try crashed.die()
        let file = try #require(try CrashedStore.logFiles(whole).first)
        let original = try Data(contentsOf: URL(fileURLWithPath: file))
        let written = try #require(original.lastIndex { $0 != 0 }) + 1
        var generator = SeededGenerator(seed: Self.seed)
        let name = URL(fileURLWithPath: file).lastPathComponent
        var before = 0
        let cuts = (0..<Self.cases).map { _ in
            Int.random(in: LogFormat.segmentHeaderBytes..<written, using: &generator)
        }
        for (number, cut) in cuts.sorted().enumerated() {
            let path = whole + "-\(number)"
            defer { try? FileManager.default.removeItem(atPath: path) }
            try FileManager.default.copyItem(atPath: whole, toPath: path)
            // Short, or with zeros where nothing has been written.
            let kept = original.prefix(cut) + Data(count: number % 2 == 0 ? 0 : 4096)
            try kept.write(to: URL(fileURLWithPath: "\(path)/log/\(name)"))
            guard case .pushes(let pushes, let report) = try Self.open(path) else {
                Issue.record("cut at \(cut): refused, seed \(Self.seed)")
                continue
            }
            #expect(pushes >= before && pushes < Self.pushes)
            #expect(report.droppedBytes <= written - 32)
            before = pushes
            // What was dropped stays dropped, and the next log goes on behind it.
            guard case .pushes(pushes, let again) = try Self.open(path) else {
                Issue.record("cut at \(cut): other rows at the second start, seed \(Self.seed)")
                continue
            }
            #expect(again.droppedBytes == 0)
        }
        #expect(before > Self.pushes / 2)
    }

    /// The last block of a segment is gone, and only one block comes after it, in the next segment.
    @Test func aBlockThatIsMissingBetweenSegmentsIsDamage() throws {
        let crashed = try CrashedStore(logBytesMax: 64 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 64))
        let ids = Array(0..<5000 as Range<UInt64>)
        for _ in 0..<15 { try table.push(ids, Array(repeating: -1, count: ids.count * 64)) }
        let died = try crashed.die()
        let files = try CrashedStore.logFiles(died)
        try #require(files.count >= 3)
        for file in files[2...] { try FileManager.default.removeItem(atPath: file) }
        try Self.clear(files[0], fromBlock: try Self.blockStarts(files[0]).count - 1)
        try Self.clear(files[1], fromBlock: 1)
        let before = try files[..<2].map { try Data(contentsOf: URL(filePath: $0)) }
        #expect {
            try CrashedStore.open(died)
        } throws: { error in
            guard case .damaged(let detail) = error as? StoreError else { return false }
            return detail.contains(files[0]) && detail.contains("missing")
        }
        // Nothing of the evidence is touched.
        #expect(try files[..<2].map { try Data(contentsOf: URL(filePath: $0)) } == before)
        guard case .pushes(let pushes, let report) = try Self.open(died, accepts: true, ids) else {
            Issue.record("refused in spite of the user's word")
            return
        }
        #expect(pushes > 0 && report.putAside.count == 2)
    }

    private static func blockStarts(_ file: String) throws -> [Int] {
        let number = try #require(
            LogSegment.number(fileName: String(file.split(separator: "/").last!)))
        return try Recovery.withContents(of: file) { (bytes) throws(StoreError) in
            // A log that was just written.
            guard var reader = try? LogReader(bytes, segment: number) else { return [] }
            var starts = [reader.offset]
            while case .block = reader.next(expected: nil) { starts.append(reader.offset) }
            return starts.dropLast()
        }
    }

    /// Leaves the first `count` blocks, and zeros behind them.
    private static func clear(_ file: String, fromBlock count: Int) throws {
        let start = try blockStarts(file)[count]
        var bytes = try Data(contentsOf: URL(filePath: file))
        bytes.resetBytes(in: start..<bytes.count)
        try bytes.write(to: URL(filePath: file))
    }

    @Test func aMissingSegmentIsNamed() throws {
        let crashed = try CrashedStore(logBytesMax: 64 << 20)
        let table = try crashed.store.createTable(named: "t", .exact(dimension: 64))
        let ids = Array(0..<5000 as Range<UInt64>)
        for _ in 0..<15 { try table.push(ids, Array(repeating: -1, count: ids.count * 64)) }
        for missing in [0, 1] {
            let died = try crashed.die()
            let files = try CrashedStore.logFiles(died)
            #expect(files.count >= 3)
            try FileManager.default.removeItem(atPath: files[missing])
            #expect(throws: StoreError.damaged("\(files[missing]) is missing")) {
                try CrashedStore.open(died)
            }
            // With what comes before it, if the user says so; and then the next log has no gap.
            for _ in 0..<2 {
                guard case .pushes(let pushes, let report) = try Self.open(died, accepts: true, ids)
                else {
                    Issue.record("refused in spite of the user's word")
                    continue
                }
                #expect(pushes < 15 && (pushes > 0) == (missing > 0))
                #expect(report.missing == nil || report.missing == files[missing])
                #expect(report.missing == nil || report.putAside.count == files.count - missing - 1)
            }
        }
        let died = try crashed.die()
        try FileManager.default.removeItem(atPath: died + "/log")
        #expect {
            try CrashedStore.open(died)
        } throws: { error in
            guard case .damaged = error as? StoreError else { return false }
            return true
        }
    }
}
