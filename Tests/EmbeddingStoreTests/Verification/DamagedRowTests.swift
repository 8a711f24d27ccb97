import Foundation
import Testing

@testable import EmbeddingStore

/// What a store that runs does about rows that it cannot read: it says so, changes nothing, and
/// goes on with the others.
@Suite struct DamagedRowTests {
    private static let dimension = 32
    private static let ids = Array(0..<600 as Range<UInt64>)

    /// A store that was opened and then lost a block of `table`'s one file of rows.
    private final class Opened {
        let path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        let store: Store
        let table: Table
        let other: Table
        let file: String

        /// - Parameter blocks: the part of the file that is damaged.
        init(blocks: Range<Double> = 0.5..<0.52) throws {
            var options = Store.Options(memoryBytes: 64 << 20, shardCount: 4)
            options.demotesInBackground = false
            do {
                let store = try Store(path: path, options: options)
                for name in ["table", "other"] {
                    let table = try store.createTable(named: name, .exact(dimension: dimension))
                    try table.assign(ids, FaultyStore.rows(ids.count, dimension))
                    try demoteEverything(of: table)
                }
                try store.close()
            }
            store = try Store(path: path, options: options)
            table = try store.table(named: "table")
            other = try store.table(named: "other")
            let number = table.number
            file = try #require(
                try table.rows.cold.rowFiles().first { $0.value == number }?.key)
            let bytes = Double(try #require(ColdFiles.byteCount("\(path)/cold/\(file)")))
            try harm(Int(bytes * blocks.lowerBound)..<Int(bytes * blocks.upperBound))
        }

        /// In place, as a disk does it.
        func harm(_ range: Range<Int>) throws {
            let handle = try FileHandle(
                forUpdating: URL(fileURLWithPath: "\(path)/cold/\(file)"))
            try handle.seek(toOffset: UInt64(range.lowerBound))
            try handle.write(contentsOf: Data(repeating: 0xA5, count: range.count))
            try handle.close()
        }

        /// The ids whose rows cannot be read, whatever a cache still has of them.
        func damagedIDs() throws -> [UInt64] {
            let disk = try RocksDBColdTier(path: path + "/cold", readOnly: true, mayCreate: false)
            defer { disk.close() }
            return ids.filter { id in (try? disk.read([id], table: table.number)) == nil }
        }

        deinit {
            try? store.close()  // it fails where a test has broken it
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    /// An error that says where the damage is.
    private func expectDamage(
        _ opened: Opened, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws -> Void
    ) {
        let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try body() }
        guard let error else { return }
        let message = "\(error)"
        #expect(
            isDamage(error) && message.contains("'table'") && message.contains(opened.file),
            "\(message)", sourceLocation: sourceLocation)
    }

    @Test func aRequestForADamagedRowIsRefusedWholeAndOthersAreServed() throws {
        let opened = try Opened()
        let table = opened.table
        let damaged = try opened.damagedIDs()
        #expect(damaged.count > 0 && damaged.count < 100, "\(damaged.count) rows")
        let sound = Self.ids.filter { !damaged.contains($0) }
        for create in [false, true] {
            expectDamage(opened) { _ = try table.pull([sound[0], damaged[0]], create: create) }
        }
        #expect(table.count == Self.ids.count)
        let rows = try table.pull(sound, create: false)
        expectRows(rows, sound.flatMap { row($0) })
        expectRows(
            try opened.other.pull(Self.ids, create: false),
            FaultyStore.rows(Self.ids.count, Self.dimension))
    }

    @Test func writesToADamagedRowAreRefusedWhole() throws {
        let opened = try Opened()
        let table = opened.table
        let damaged = try opened.damagedIDs()
        let sound = try #require(Self.ids.first { !damaged.contains($0) })
        let values = [Float](repeating: 1, count: 2 * Self.dimension)
        expectDamage(opened) { try table.push([sound, damaged[0]], values) }
        expectDamage(opened) { try table.assign([sound, damaged[0]], values) }
        expectDamage(opened) { _ = try table.delete([sound, damaged[0]]) }
        #expect(table.count == Self.ids.count)
        expectRows(try table.pull([sound], create: false), row(sound))
        expectDamage(opened) { _ = try table.pull([damaged[0]], create: true) }
    }

    /// A row in memory does not need its copy on disk, and its next copy goes elsewhere.
    @Test func aRowInMemoryOutlivesItsCopyOnDisk() throws {
        let opened = try Opened(blocks: 0..<0)
        let table = opened.table
        _ = try table.pull(Self.ids, create: false)
        try table.push(Self.ids, [Float](repeating: 1, count: Self.ids.count * Self.dimension))
        try opened.harm(0..<4096)
        let damaged = try opened.damagedIDs()
        #expect(!damaged.isEmpty)
        try demoteEverything(of: table)
        let rows = try table.pull(damaged, create: false)
        expectRows(rows, damaged.flatMap { id in row(id).map { $0 - 1 } })
    }

    /// Files are linked and not read, so the copy is as damaged as the store, and says so.
    @Test func aCheckpointKeepsDamageAndVerifyNamesIt() throws {
        let opened = try Opened()
        let copy = opened.path + "-checkpoint"
        defer { try? FileManager.default.removeItem(atPath: copy) }
        _ = try opened.store.checkpoint(to: copy)
        let found = try Verification(path: copy)
        #expect(found.damage.map(\.file) == ["cold/\(opened.file)"])
        #expect(found.damage.map(\.table) == ["table"])
        #expect(found.tables.first { $0.name == "other" }?.rows == Self.ids.count)
        #expect(found.tables.first { $0.name == "table" }.map { $0.rows == nil } == true)
    }

    /// A filter says which keys a file cannot have. One that is damaged says nothing.
    @Test func aDamagedFilterHidesNoRow() throws {
        let store = try DamagedStore()
        var served = 0
        for file in try store.files() where file.hasSuffix(".sst") {
            let bytes = try store.bytes(of: file)
            guard let filter = filterBlock(of: bytes) else { continue }
            for step in 0..<4 {
                var bytes = bytes
                bytes[filter.lowerBound + step * (filter.count - 1) / 3] ^= 1 << UInt8(step)
                try store.withCopy(file, bytes) { copy in
                    #expect(try Verification(path: copy).damage.map(\.file) == [file])
                    let opened: Store
                    do {
                        opened = try Store(
                            path: copy, options: .init(memoryBytes: 64 << 20, shardCount: 4))
                    } catch {
                        #expect(isDamage(error))
                        return
                    }
                    for (name, table) in store.tables {
                        let rows = Result {
                            try opened.table(named: name).pull(table.ids, create: true)
                        }
                        switch rows {
                        case .success(let rows):
                            expectRows(rows, table.rows)
                            served += 1
                        case .failure(let error): #expect(isDamage(error))
                        }
                    }
                    try opened.close()
                }
            }
        }
        #expect(served > 0, "no store was opened")
    }

    /// Compaction that meets damage stops RocksDB's writes; reads go on, and the error tells why.
    @Test func readsGoOnWhenCompactionMeetsDamage() throws {
        let opened = try Opened()
        let cold = opened.table.rows.cold
        let value = [UInt8](repeating: 0, count: 8)
        var failure: StoreError?
        // Each sync is one more small file; from four on they are merged, with the damaged one.
        for round in 0..<2000 where failure == nil {
            var rows = ColdRows()
            for id in [0, 300, 599] as [UInt64] {
                unsafe value.withUnsafeBytes { unsafe rows.append(id, $0) }
            }
            do throws(StoreError) {
                try cold.write(rows, table: opened.table.number, keyCount: nil)
                try cold.sync()
            } catch {
                failure = error
            }
            if round > 50 { usleep(2000) }
        }
        let error = try #require(failure, "compaction did not meet the damage")
        #expect(isDamage(error) && "\(error)".contains(opened.file), "\(error)")
        expectRows(
            try opened.other.pull(Self.ids, create: false),
            FaultyStore.rows(Self.ids.count, Self.dimension))
    }

    private func row(_ id: UInt64) -> [Float] {
        Array(repeating: Float(id + 1), count: Self.dimension)
    }

    /// Where the filter is in a file of rows: the index of such blocks says it after the filter's
    /// name, offset and size as varints.
    private func filterBlock(of bytes: [UInt8]) -> Range<Int>? {
        let name = Array("fullfilter.rocksdb.BuiltinBloomFilter".utf8)
        guard
            let start = (0..<bytes.count - name.count).last(where: {
                bytes[$0] == name[0] && bytes[$0..<$0 + name.count].elementsEqual(name)
            })
        else { return nil }
        var at = start + name.count
        func varint() -> Int {
            var value = 0
            var shift = 0
            while true {
                value |= Int(bytes[at] & 0x7F) << shift
                shift += 7
                at += 1
                if bytes[at - 1] < 0x80 { return value }
            }
        }
        let offset = varint()
        return offset..<offset + varint()
    }
}
