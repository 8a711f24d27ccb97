import Foundation
import Testing

@testable import EmbeddingStore

/// Stores that are made of rows.
@Suite struct StoreWriterTests {
    @Test func rowsAreServedAsTheyWereWritten() throws {
        let folder = try OfflineFolder()
        let ids: [UInt64] = [0, 3, 1 << 50, .max]
        let rows = ids.enumerated().map { at, id in
            OfflineFolder.Row(
                key: id, values: (0..<8).map { Float(at * 8 + $0) }, state: [Float(at) + 2],
                frequency: UInt16(at + 1))
        }
        try folder.write(rows, .offline())
        #expect(folder.names == ["source"])
        let verified = try Verification(path: folder.source)
        #expect(verified.isSound, "\(verified.damage)")
        #expect(verified.tables.map(\.rows) == [4])
        expectRows(try OfflineFolder.pull(folder.source, ids), rows.flatMap(\.values))
        let read = try OfflineFolder.rows(folder.source)
        #expect(read.map(\.state) == rows.map { $0.state })
        #expect(read.map(\.frequency) == rows.map { $0.frequency })
        // It is a store like any other.
        let store = try Store(path: folder.source, options: .init(memoryBytes: 64 << 20))
        defer { try? store.close() }
        let table = try store.table(named: "t")
        #expect(table.count == 4)
        try table.push([3], [Float](repeating: 1, count: 8))
        let other = try store.createTable(named: "other", .exact(dimension: 2))
        #expect(other.number == 2)
    }

    /// Files on top of each other: of rows with one key the last is left.
    @Test func rowsMayComeInAnyOrder() throws {
        let folder = try OfflineFolder()
        var random = SeededGenerator(seed: 5)
        var expected: [UInt64: Float] = [:]
        let writer = try StoreWriter(destination: folder.source)
        // Wide rows, so that there are several files.
        let dimension = 1024
        let table = try writer.createTable(named: "t", .exact(dimension: dimension))
        for number in 0..<9_000 {
            let key = UInt64.random(in: 0..<6_000, using: &random)
            expected[key] = Float(number)
            try table.append(
                key: key, values: [Float](repeating: Float(number), count: dimension))
        }
        #expect(try table.finish() == expected.count)
        _ = try writer.finish()
        let store = try OfflineStore(path: folder.source)
        #expect(try store.table(named: "t").rowCount == expected.count)
        try store.table(named: "t").scan { row in
            #expect(row.values.first == expected[row.key])
            #expect(row.values.last == expected[row.key])
        }
    }

    @Test func aCopyIsAsPrivateAsWhatItIsOf() throws {
        let folder = try OfflineFolder()
        try folder.write([.init(key: 1, values: Array(repeating: 1, count: 8))], .offline())
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o700], ofItemAtPath: folder.source)
        func permissions(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        _ = try StoreWriter(destination: folder.result, copyOf: OfflineStore(path: folder.source))
            .finish()
        #expect(try permissions(folder.result) == 0o700)
        let replacement = try StoreReplacement(of: OfflineStore(path: folder.source))
        #expect(try permissions(replacement.writer.scratchFolder) == 0o700)
        try replacement.finish()
        #expect(try permissions(folder.source) == 0o700)
        let store = try Store(path: folder.source, options: .init(memoryBytes: 64 << 20))
        defer { try? store.close() }
        _ = try store.checkpoint(to: folder.path + "/checkpoint")
        #expect(try permissions(folder.path + "/checkpoint") == 0o700)
    }

    /// Nobody writes where somebody only reads, from the first time on that a store is opened.
    @Test func aNewStoreCanBeLocked() throws {
        let folder = try OfflineFolder()
        try folder.write([.init(key: 1, values: Array(repeating: 1, count: 8))], .offline())
        let reader = try Store(
            path: folder.source, options: .init(memoryBytes: 64 << 20, isReadOnly: true))
        defer { try? reader.close() }
        #expect(
            storeError { try Store(path: folder.source, options: .init(memoryBytes: 64 << 20)) }
                == .inUse(folder.source))
    }

    @Test func aStoreIsCopiedWithWhatIsAddedAndReplaced() throws {
        let folder = try OfflineFolder()
        try folder.write([.init(key: 1, values: Array(repeating: 1, count: 8))], .offline())
        let source = try OfflineStore(path: folder.source)
        let before = try folder.sourceFiles()
        let writer = try StoreWriter(destination: folder.result, copyOf: source)
        #expect(
            storeError { try writer.createTable(named: "t", .offline()) }
                == .tableExists("table 't' exists"))
        let more = try writer.openTable(named: "t")
        try more.append(key: 2, values: Array(repeating: 2, count: 8))
        let added = try writer.createTable(named: "added", .exact(dimension: 2))
        try added.append(key: 9, values: [1, 2])
        _ = try writer.finish()
        #expect(try OfflineFolder.rows(folder.result).map(\.key) == [1, 2])
        #expect(try OfflineFolder.rows(folder.result, table: "added").map(\.values) == [[1, 2]])
        #expect(try folder.sourceFiles() == before)
        #expect(try Verification(path: folder.result).isSound)
    }

    @Test func nothingIsLeftOfWhatIsNotFinished() throws {
        let folder = try OfflineFolder()
        do {
            let writer = try StoreWriter(destination: folder.result)
            let table = try writer.createTable(named: "t", .exact(dimension: 2))
            try table.append(key: 1, values: [1, 2])
            #expect(folder.names.count == 1 && folder.names[0].contains(".partial-"))
        }
        #expect(folder.names.isEmpty)
    }

    @Test func aDestinationThatExistsIsLeftAlone() throws {
        let folder = try OfflineFolder()
        try FileManager.default.createDirectory(
            atPath: folder.result, withIntermediateDirectories: true)
        #expect(
            storeError { try StoreWriter(destination: folder.result) }
                == .cannotCreate("\(folder.result) exists"))
        #expect(folder.names == ["result"])
        // Or comes to be meanwhile.
        let path = folder.path + "/late"
        let writer = try StoreWriter(destination: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        #expect(storeError { try writer.finish() } == .cannotCreate("\(path) exists"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
    }

    @Test func rowsOfAnotherShapeAreRefused() throws {
        let folder = try OfflineFolder()
        let writer = try StoreWriter(destination: folder.result)
        let table = try writer.createTable(named: "t", .offline(dimension: 4))
        #expect(
            storeError { try table.append(key: 1, values: [1, 2]) }
                == .dimensionMismatch(expected: 4, got: 2))
        guard
            case .malformed = storeError({
                try table.append(key: 1, values: [1, 2, 3, 4], state: [1, 2])
            })
        else {
            Issue.record("one float of state a row")
            return
        }
        guard
            case .invalidSchema = storeError({
                try writer.createTable(named: "bad", .offline(dimension: 0))
            })
        else {
            Issue.record("no table has dimension 0")
            return
        }
    }
}
