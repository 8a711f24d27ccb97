import Foundation
import RowFiles
import Testing

/// What is written is what is read, in every format.
@Suite struct RowFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func path(_ format: RowFileFormat) -> String { "\(folder.path)/rows.\(format)" }

    static let ids: [UInt64] = [0, 1, 42, 1 << 53 + 1, .max - 1, .max]
    static let values: [Float] = [
        0, -0.0, 1, -1, 0.1, .greatestFiniteMagnitude, -.leastNonzeroMagnitude, 1e-30, .pi,
        -.greatestFiniteMagnitude, 1.0000001, 3, 4, 5, 6, 7, 8, 9,
    ]

    private func write(
        _ format: RowFileFormat, _ batches: [RowBatch], dimension: Int,
        _ element: RowElement = .float32
    ) throws {
        let writer = try format.writer(
            path: path(format), rowCount: batches.reduce(0) { $0 + $1.ids.count },
            dimension: dimension, element: element)
        for batch in batches { try writer.write(batch) }
        try writer.finish()
    }

    private func read(_ format: RowFileFormat, limit: Int = 4) throws -> RowBatch {
        let reader = try format.reader(path: path(format), ids: .numbers)
        var all = RowBatch()
        var batch = RowBatch()
        while try reader.next(into: &batch, limit: limit) {
            #expect(batch.ids.count <= limit)
            all.ids += batch.ids
            all.values += batch.values
        }
        #expect(reader.bytesRead == reader.byteCount)
        #expect(reader.rowCount == nil || reader.rowCount == all.ids.count)
        return all
    }

    @Test(arguments: RowFileFormat.allCases)
    func roundTrip(_ format: RowFileFormat) throws {
        let batches = [
            RowBatch(ids: Array(Self.ids[..<2]), values: Array(Self.values[..<6])),
            RowBatch(ids: Array(Self.ids[2...]), values: Array(Self.values[6...])),
        ]
        try write(format, batches, dimension: 3)
        let result = try read(format)
        #expect(result.ids == Self.ids)
        #expect(result.values.map(\.bitPattern) == Self.values.map(\.bitPattern))
        #expect(try folder.names == ["rows.\(format)"])
    }

    @Test(arguments: RowFileFormat.allCases)
    func noRows(_ format: RowFileFormat) throws {
        try write(format, [], dimension: 3)
        #expect(try read(format).ids.isEmpty)
        #expect(try format.reader(path: path(format)).dimension == 3)
    }

    @Test(arguments: [RowFileFormat.safetensors, .npy])
    func halves(_ format: RowFileFormat) throws {
        let values: [Float] = [0, -0.0, 1, 65504, 0x1p-24, -0x1p-14, 0.1, 2049]
        try write(format, [RowBatch(ids: [1, 2], values: values)], dimension: 4, .float16)
        let result = try read(format)
        // The nearest of each, of two the even one.
        #expect(
            result.values.map(\.bitPattern)
                == ([0, -0.0, 1, 65504, 0x1p-24, -0x1p-14, 0.0999755859375, 2048] as [Float])
                .map(\.bitPattern))
        let writer = try format.writer(
            path: path(format) + "2", rowCount: 1, dimension: 1, element: .float16)
        #expect(throws: RowFileError.self) {
            try writer.write(RowBatch(ids: [1], values: [65520]))
        }
    }

    @Test(arguments: RowFileFormat.allCases)
    func nothingIsReplacedAndNothingStays(_ format: RowFileFormat) throws {
        try write(format, [RowBatch(ids: [1], values: [1])], dimension: 1)
        #expect(throws: RowFileError.exists(path(format))) {
            _ = try format.writer(path: path(format), rowCount: 0, dimension: 1)
        }
        var abandoned: (any RowWriter)? = try format.writer(
            path: path(format) + "2", rowCount: 2, dimension: 1)
        try abandoned?.write(RowBatch(ids: [1], values: [1]))
        abandoned = nil
        // One that appears while another is written is left alone.
        let late = try format.writer(path: path(format) + "3", rowCount: 0, dimension: 1)
        try Data().write(to: URL(fileURLWithPath: path(format) + "3"))
        #expect(throws: RowFileError.exists(path(format) + "3")) { try late.finish() }
        #expect(try folder.names.filter { !$0.contains("partial") }.count == 2)
    }

    @Test func formatsByName() {
        #expect(RowFileFormat(path: "/a.b/x.safetensors") == .safetensors)
        #expect(RowFileFormat(path: "x.npy") == .npy)
        #expect(RowFileFormat(path: "glove.50d.txt") == .word2vec)
        #expect(RowFileFormat(path: "wiki.en.vec") == .word2vec)
        #expect(RowFileFormat(path: "x.csv") == .csv)
        #expect(RowFileFormat(path: "/a.csv/x") == nil)
    }

    @Test func wordsAreHashedOrNumbers() throws {
        let file = try folder.file("w.vec", "2 2\nü 1 2 \n18446744073709551615 3 4\n")
        var batch = RowBatch()
        _ = try RowFileFormat.word2vec.reader(path: file).next(into: &batch, limit: 9)
        #expect(batch.ids == [StringID.id(of: "ü"), StringID.id(of: "18446744073709551615")])
        #expect(batch.values == [1, 2, 3, 4])
        let field = try #require(StringID.Field(5, bits: 8))
        _ = try RowFileFormat.word2vec.reader(path: file, ids: .strings(field))
            .next(into: &batch, limit: 1)
        #expect(batch.ids == [StringID.id(of: "ü", in: field)])
        let numbers = try RowFileFormat.word2vec.reader(path: file, ids: .numbers)
        #expect(throws: RowFileError.self) { _ = try numbers.next(into: &batch, limit: 9) }
    }

    @Test func aCSVNeedsNoHeader() throws {
        for head in ["", "id,v0,v1\n", "item,first,second\r\n"] {
            let file = try folder.file("x.csv", head + "7,1,2\r\n8,-3e1,4")
            let reader = try RowFileFormat.csv.reader(path: file)
            var batch = RowBatch()
            #expect(try reader.next(into: &batch, limit: 9))
            #expect(batch.ids == [7, 8])
            #expect(batch.values == [1, 2, -30, 4])
            #expect(try !reader.next(into: &batch, limit: 9))
        }
    }
}
