import Foundation
import Testing

@testable import EmbeddingStore

/// Bytes on disk that are not what was written, at places that a seed decides.
///
/// `THERMOCLINE_DAMAGE_CASES` says how many, `THERMOCLINE_SEED` which.
@Suite struct DamageTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let caseCount = environment["THERMOCLINE_DAMAGE_CASES"].flatMap(Int.init) ?? 240
    private static let seed = environment["THERMOCLINE_SEED"].flatMap(UInt64.init) ?? 20_261_122

    /// What a case does to a file.
    private enum Harm {
        case flip(at: Int, bits: UInt8)
        case zeros(Range<Int>)
        case cut(to: Int)
        case gone

        /// - Parameter isRows: the end of a file of rows describes the rest of it, so it gets more.
        init(bytes: Int, isRows: Bool, using random: inout SeededGenerator) {
            let from = isRows ? [bytes, bytes, 1200, 60].randomElement(using: &random)! : bytes
            let at = bytes - 1 - Int.random(in: 0..<min(bytes, from), using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0: self = .gone
            case 1...3: self = .cut(to: at)
            case 4, 5: self = .zeros(at..<min(bytes, at + 512))
            case 6...8: self = .flip(at: at, bits: UInt8.random(in: 1...255, using: &random))
            default: self = .flip(at: at, bits: 1 << UInt8.random(in: 0..<8, using: &random))
            }
        }

        /// Nil for no file.
        func applied(to bytes: [UInt8]) -> [UInt8]? {
            var bytes = bytes
            switch self {
            case .flip(let at, let bits): bytes[at] ^= bits
            case .zeros(let range): for at in range { bytes[at] = 0 }
            case .cut(let count): bytes.removeSubrange(count...)
            case .gone: return nil
            }
            return bytes
        }
    }

    /// Each row is the right one or refused with an error that names the file, and `verify` names
    /// it in every case: every byte of these files has a checksum over it, and `STORE`, which has
    /// those of the small files, one of its own.
    @Test func noDamageIsServedOrOverlooked() throws {
        print("damage: \(Self.caseCount) cases, THERMOCLINE_SEED=\(Self.seed)")
        let store = try DamagedStore()
        let files = try store.files()
        let rowFiles = files.filter { $0.hasSuffix(".sst") }
        #expect(rowFiles.count >= 5)
        #expect(try Verification(path: store.original).damage == [])
        var random = SeededGenerator(seed: Self.seed)
        var refused = 0
        var served = 0
        for number in 0..<Self.caseCount {
            let isRows = Int.random(in: 0..<3, using: &random) > 0
            let file = (isRows ? rowFiles : files).randomElement(using: &random)!
            let original = try store.bytes(of: file)
            if original.isEmpty { continue }
            let harm = Harm(bytes: original.count, isRows: file.hasSuffix(".sst"), using: &random)
            let bytes = harm.applied(to: original)
            if bytes == original { continue }
            let readOnly = Bool.random(using: &random)
            let comment = Comment(
                rawValue: "case \(number): \(file) of \(original.count) bytes, \(harm)")
            try store.withCopy(file, bytes) { copy in
                let before = try contents(copy)
                let found = try Verification(path: copy)
                #expect(found.damage.contains { $0.file == file }, comment)
                #expect(try contents(copy) == before, "verify changed the folder: \(comment)")
                if try serves(copy, store, damaged: file, readOnly: readOnly, comment) {
                    served += 1
                } else {
                    refused += 1
                }
            }
        }
        print("damage: \(refused) stores refused, \(served) opened")
        #expect(refused > 0 && served > 0)
    }

    /// After a crash nothing is known of the files but what they say themselves: of those of rows
    /// that is enough. (A file that was ingested has a number that no checksum covers, but that
    /// RocksDB compares with its list of files. It refuses the rows then without naming the file.)
    @Test func damagedRowsAreFoundAfterACrash() throws {
        let store = try DamagedStore(isClean: false)
        let rowFiles = try store.files().filter { $0.hasSuffix(".sst") }
        var random = SeededGenerator(seed: Self.seed &+ 1)
        for number in 0..<Self.caseCount / 4 {
            let file = rowFiles.randomElement(using: &random)!
            let original = try store.bytes(of: file)
            let harm = Harm(bytes: original.count, isRows: true, using: &random)
            let bytes = harm.applied(to: original)
            if bytes == original { continue }
            let comment = Comment(
                rawValue: "case \(number): \(file) of \(original.count) bytes, \(harm)")
            try store.withCopy(file, bytes) { copy in
                let found = try Verification(path: copy)
                if found.damage.contains(where: { $0.reason.contains("global seqno") }) { return }
                #expect(found.damage.contains { $0.file == file }, comment)
                _ = try serves(copy, store, damaged: file, readOnly: number % 2 == 0, comment)
            }
        }
    }

    /// What a process that was killed leaves is sound, a damaged log is not, and neither is changed.
    @Test func theLogOfAStoreThatDiedIsRead() throws {
        let temporary = try TemporaryStore(demotesInBackground: false)
        let table = try temporary.store.createTable(named: "t", .exact(dimension: 4))
        for id in 0..<20 as Range<UInt64> { try table.push([id], [1, 1, 1, 1]) }
        let copy = temporary.path + "-killed"
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try FileManager.default.copyItem(atPath: temporary.path, toPath: copy)
        let before = try contents(copy)
        #expect(try Verification(path: copy).damage == [])

        let segments = try FileManager.default.contentsOfDirectory(atPath: copy + "/log").sorted()
        let segment = try #require(segments.first)
        let url = URL(fileURLWithPath: "\(copy)/log/\(segment)")
        var bytes = try Data(contentsOf: url)
        bytes[LogFormat.segmentHeaderBytes + LogFormat.blockHeaderBytes + 4] ^= 1
        try bytes.write(to: url)
        #expect(try Verification(path: copy).damage.map(\.file) == ["log/\(segment)"])
        #expect(try contents(copy) == before)
    }

    /// Opens a damaged store and reads every row; false when it could not be opened.
    private func serves(
        _ path: String, _ expected: DamagedStore, damaged file: String, readOnly: Bool,
        _ comment: Comment
    ) throws -> Bool {
        let fileName = (file as NSString).lastPathComponent
        var options = Store.Options(memoryBytes: 64 << 20, isReadOnly: readOnly, shardCount: 4)
        options.demotesInBackground = false
        let store: Store
        do {
            store = try Store(path: path, options: options)
        } catch {
            #expect(isDamage(error) && "\(error)".contains(fileName), "\(error): \(comment)")
            return false
        }
        for (name, table) in expected.tables {
            let dimension = try store.table(named: name).schema.dimension
            var refused = 0
            for start in stride(from: 0, to: table.ids.count, by: 50) {
                let ids = Array(table.ids[start..<min(start + 50, table.ids.count)])
                let rows = table.rows[start * dimension..<(start + ids.count) * dimension]
                switch Result(catching: { try store.table(named: name).pull(ids, create: false) }) {
                case .success(let read):
                    let isSame = read.elementsEqual(rows)
                    #expect(isSame, "wrong rows of '\(name)': \(comment)")
                case .failure(let error):
                    refused += 1
                    let message = "\(error)"
                    #expect(
                        isDamage(error) && message.contains("'\(name)'")
                            && message.contains(fileName),
                        "\(message): \(comment)")
                }
            }
            if refused > 0 { #expect(file.hasSuffix(".sst"), "\(comment)") }
        }
        try store.close()
        return true
    }

    /// Names and sizes of all there is in a folder.
    private func contents(_ path: String) throws -> [String: Int] {
        let files = FileManager.default.enumerator(atPath: path)
        var contents: [String: Int] = [:]
        for case let name as String in files! {
            contents[name] = ColdFiles.byteCount("\(path)/\(name)")
        }
        return contents
    }
}

/// Whether this is what the store says of bytes that are not what was written.
func isDamage(_ error: any Error) -> Bool {
    if case .damaged? = error as? StoreError { true } else { false }
}
