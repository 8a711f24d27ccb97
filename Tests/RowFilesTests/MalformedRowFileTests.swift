import Foundation
import RowFiles
import Testing

/// Every kind of file that is none is refused, with the place of what is wrong.
@Suite struct MalformedRowFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Reads all of a file and returns where it was refused, and why.
    private func refusal(
        _ format: RowFileFormat, _ path: String, ids: TextIDs? = nil
    ) throws -> (place: String, reason: String)? {
        do {
            let reader = try format.reader(path: path, ids: ids)
            var batch = RowBatch()
            while try reader.next(into: &batch, limit: 2) {}
            return nil
        } catch RowFileError.malformed(let file, let place, let reason) {
            #expect(file == path || file.hasPrefix(path + "/"))
            return (place, reason)
        }
    }

    @Test(arguments: [
        ("", "line 1", "empty"),
        ("2 2 2\n", "line 1", "how many rows"),
        ("-1 2\n", "line 1", "how many rows"),
        ("1 0\n1\n", "line 1", "dimension"),
        ("1 5000\n", "line 1", "dimension"),
        ("2 2\na 1 2\n", "line 2", "ends after 1 of 2"),
        ("1 2\na 1 2\nb 1 2\n", "line 3", "more rows"),
        ("1 2\na 1\n", "line 2", "1 values"),
        ("1 2\na 1 2 3\n", "line 2", "3 values"),
        ("1 2\na 1 x\n", "line 2", "not a number"),
        ("1 2\na 1 nan\n", "line 2", "nan"),
        ("1 2\na 1 1e40\n", "line 2", "1e40"),
        ("1 2\n\n", "line 2", "values after the word"),
        ("3 2\na 1 2\n3 2\nb 1 2\n", "line 3", "1 values"),
    ])
    func word2vec(_ text: String, _ place: String, _ reason: String) throws {
        let refusal = try refusal(.word2vec, folder.file("x.vec", text))
        #expect(refusal?.place == place)
        #expect(refusal?.reason.contains(reason) == true, "\(refusal as Any)")
    }

    @Test(arguments: [
        ("", "line 1", "empty"),
        ("7\n", "line 1", "0 values"),
        ("id,v0,v0\n7,1,2\n", "line 1", "same name"),
        ("id,v0\nid,v0\n", "line 2", "the id \"id\""),
        ("id,v0\n7,1\nid,v0\n", "line 3", "the id \"id\""),
        ("7,1\n8,1,2\n", "line 2", "2 values"),
        ("7,1\n-8,1\n", "line 2", "0…2^64-1"),
        ("7,1\n18446744073709551616,1\n", "line 2", "0…2^64-1"),
        ("7,1\n1.5,1\n", "line 2", "0…2^64-1"),
        ("7,1\n+8,1\n", "line 2", "0…2^64-1"),
        ("7,1\n8,inf\n", "line 2", "inf"),
        ("7,1\n8,\n", "line 2", "not a number"),
        ("7,1\n\n8,1\n", "line 2", "0 values"),
        ("7,1\n\"8\",1\n", "line 2", "quotes"),
    ])
    func csv(_ text: String, _ place: String, _ reason: String) throws {
        let refusal = try refusal(.csv, folder.file("x.csv", text))
        #expect(refusal?.place == place)
        #expect(refusal?.reason.contains(reason) == true, "\(refusal as Any)")
    }

    private static let ids = #""ids":{"dtype":"U64","shape":[2],"data_offsets":[0,16]}"#
    private static let rows = #""rows":{"dtype":"F32","shape":[2,1],"data_offsets":[16,24]}"#

    private func safetensors(
        _ header: String, length: UInt64? = nil, _ ids: [UInt64] = [1, 2],
        _ rows: [Float] = [1, 2], cut: Int = 0
    ) throws -> String {
        var bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) {
            Array($0)
        }
        bytes += header.utf8
        bytes += ids.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }
        bytes += rows.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
        return try folder.file("x.safetensors", bytes.dropLast(cut))
    }

    @Test func aSoundSafetensorsWithMoreInIt() throws {
        let more =
            #""__metadata__":{"format":"pt"},"other":{"dtype":"BOOL","shape":[],"data_offsets":[24,24]}"#
        #expect(
            try refusal(.safetensors, safetensors("{\(Self.rows),\(more),\(Self.ids)}  ")) == nil)
    }

    @Test(arguments: [
        ("{\(ids)}", "tensors of 16 bytes"), ("{\(rows)}", "follow"), ("", "no '{'"),
        ("{", "no string"),
        ("{\(ids),\(ids),\(rows)}", "comes twice"),
        ("{\(ids),\(rows)}x", "after the header's end"),
        ("{\(ids),\(rows)", "no ','"),
        ("{\(ids.replacing("U64", with: "F32")),\(rows)}", "'ids' is F32"),
        ("{\(ids),\(rows.replacing("F32", with: "F64"))}", "'rows' is F64"),
        ("{\(ids.replacing("[2]", with: "[3]")),\(rows)}", "its shape 24"),
        ("{\(ids.replacing("[2]", with: "[-2]")),\(rows)}", "at least 0"),
        ("{\(ids.replacing("[2]", with: "[9223372036854775807]")),\(rows)}", "overflows"),
        ("{\(ids.replacing("[2]", with: "[2,1]")),\(rows)}", "2 dimensions"),
        ("{\(ids),\(rows.replacing("[2,1]", with: "[1,2]"))}", "1 rows for 2 ids"),
        ("{\(ids),\(rows.replacing("[2,1]", with: "[2]"))}", "1 dimensions"),
        ("{\(ids),\(rows.replacing("[16,24]", with: "[8,16]"))}", "follow"),
        ("{\(ids),\(rows.replacing("shape", with: "size"))}", "'size'"),
        ("{\(ids.replacing("ids", with: "keys")),\(rows)}", "no tensor 'ids'"),
    ])
    func safetensorsHeaders(_ header: String, _ reason: String) throws {
        let refusal = try refusal(.safetensors, safetensors(header))
        #expect(refusal?.reason.contains(reason) == true, "\(refusal as Any)")
    }

    @Test func safetensorsData() throws {
        let header = "{\(Self.ids),\(Self.rows)}"
        var refused = try refusal(.safetensors, safetensors(header, [1, 2], [1, .nan]))
        #expect(refused?.place == "row 1")
        refused = try refusal(.safetensors, safetensors(header, [1, 2], [-.infinity, 0]))
        #expect(refused?.place == "row 0")
        refused = try refusal(
            .safetensors, safetensors(header.replacing("U64", with: "I64"), [1, .max]))
        #expect(refused?.place == "row 1")
        #expect(refused?.reason.contains("-1") == true)
        for cut in 1..<24 {
            #expect(try refusal(.safetensors, safetensors(header, cut: cut)) != nil)
        }
        #expect(try refusal(.safetensors, safetensors(header, length: .max)) != nil)
        #expect(try refusal(.safetensors, safetensors(header, length: 3)) != nil)
        #expect(try refusal(.safetensors, folder.file("y", [1, 2, 3])) != nil)
    }

    private func npy(
        _ name: String, _ dictionary: String, _ data: [UInt8], version: UInt8 = 1
    ) throws {
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
        let length = dictionary.utf8.count
        bytes += (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        bytes += Array(dictionary.utf8) + data
        _ = try folder.file(name, bytes)
    }

    private static let two = "{'descr': '<u8', 'fortran_order': False, 'shape': (2,), }\n"
    private static let matrix = "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), }\n"
    private static let idBytes: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]

    @Test(arguments: [1, 2, 3] as [UInt8])
    func versionsOfNPY(_ version: UInt8) throws {
        try npy("ids.npy", Self.two, Self.idBytes, version: version)
        try npy("rows.npy", Self.matrix, [0, 0x3C, 0, 0, 0, 0, 0, 0xC0], version: version)
        let reader = try RowFileFormat.npy.reader(path: folder.path)
        var batch = RowBatch()
        _ = try reader.next(into: &batch, limit: 9)
        #expect(batch.ids == [1, 2])
        #expect(batch.values == [1, 0, 0, -2])
    }

    @Test(arguments: [
        ("{'descr': '>f2', 'fortran_order': False, 'shape': (2, 2), }", "'>f2'"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", "'<f8'"),
        ("{'descr': '<f2', 'fortran_order': True, 'shape': (2, 2), }", "Fortran"),
        ("{'descr': '<f2', 'fortran_order': Maybe, 'shape': (2, 2), }", "True or False"),
        ("{'descr': '<f2', 'fortran_order': False, 'shape': (3, 2), }", "12 bytes"),
        ("{'descr': '<f2', 'fortran_order': False, 'shape': (4,), }", "1 dimensions"),
        ("{'descr': '<f2', 'fortran_order': False, 'shape': (1, 4), }", "1 rows"),
        ("{'descr': '<f2', 'fortran_order': False, }", "missing"),
        ("{'descr': '<f2', 'descr': '<f2', 'shape': (2, 2), }", "twice"),
        ("{'descr': [('a', '<f2')], 'fortran_order': False, 'shape': (2, 2), }", "no string"),
        ("{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), } 1", "after"),
        ("'", "no '{'"),
    ])
    func npyHeaders(_ header: String, _ reason: String) throws {
        try npy("ids.npy", Self.two, Self.idBytes)
        try npy("rows.npy", header, [UInt8](repeating: 0, count: 8))
        let refusal = try refusal(.npy, folder.path)
        #expect(refusal?.reason.contains(reason) == true, "\(refusal as Any)")
    }

    @Test func npyData() throws {
        try npy("ids.npy", Self.two, Self.idBytes)
        try npy("rows.npy", Self.matrix, [0, 0, 0, 0, 0, 0, 0, 0x7C])
        #expect(try refusal(.npy, folder.path)?.place == "row 1")
        try npy("rows.npy", Self.matrix, [0, 0, 0, 0, 0, 0])
        #expect(try refusal(.npy, folder.path) != nil)
        try npy("rows.npy", Self.matrix, [UInt8](repeating: 0, count: 8), version: 4)
        #expect(try refusal(.npy, folder.path)?.reason.contains("version 4.0") == true)
        _ = try folder.file("rows.npy", "not numpy at all")
        #expect(try refusal(.npy, folder.path)?.reason.contains("not a .npy") == true)
    }

    @Test(arguments: RowFileFormat.allCases)
    func whatCannotBeOpened(_ format: RowFileFormat) {
        for path in ["\(folder.path)/none", "/dev/null", folder.path] {
            #expect(
                throws: RowFileError.self, performing: { _ = try format.reader(path: path) })
        }
    }
}
