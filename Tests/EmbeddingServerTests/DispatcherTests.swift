import EmbeddingClient
import EmbeddingServer
import NIOCore
import Testing

/// Requests that are refused: with the right code, without an effect, and the connection goes on.
@Suite struct DispatcherTests {
    /// One table `t` of dimension 3 with rows 1 and 2; afterwards it must be as it was.
    private func refused(
        options: ServerOptions = TestServer.options,
        _ requests: (EmbeddingTable) throws -> [(String, ByteBuffer, ErrorCode)]
    ) async throws {
        try await TestServer.with(options: options) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 3))
                try await table.assign([1, 2], rows: [1, 2, 3, 4, 5, 6])
                for (what, frame, code) in try requests(table) {
                    let reply = try await client.send(frame).get()
                    #expect(ErrorCode(rawValue: reply.header.status) == code, "\(what)")
                    #expect(try await table.count() == 2, "\(what)")
                    let rows = try await table.pull([1, 2], create: false)
                    expectRows(rows.values, [1, 2, 3, 4, 5, 6], what)
                }
                #expect(try await client.tables().map(\.name) == ["t"])
            }
        }
    }

    /// The frame with some bytes of it changed.
    private func changed(_ frame: ByteBuffer, _ offset: Int, _ bytes: [UInt8]) -> ByteBuffer {
        var frame = frame
        frame.setBytes(bytes, at: frame.readerIndex + offset)
        return frame
    }

    @Test func rowsThatDoNotFit() async throws {
        try await refused { table in
            let encoder = { table.client.encoder }
            var cases: [(String, ByteBuffer, ErrorCode)] = []
            for dimension in [0, 1, 2, 4] {
                let rows = [Float](repeating: 1, count: 2 * dimension)
                cases.append(
                    (
                        "push of dimension \(dimension)",
                        encoder().push(
                            table: table.number, dimension: dimension, ids: [1, 7], gradients: rows),
                        .dimensionMismatch
                    ))
                cases.append(
                    (
                        "assign of dimension \(dimension)",
                        encoder().assign(
                            table: table.number, dimension: dimension, ids: [1, 7], rows: rows),
                        .dimensionMismatch
                    ))
            }
            for value in [Float.nan, .infinity, -.infinity, .signalingNaN] {
                for at in [0, 5] {
                    var rows = [Float](repeating: 1, count: 6)
                    rows[at] = value
                    cases.append(
                        (
                            "push of \(value) at \(at)",
                            encoder().push(
                                table: table.number, dimension: 3, ids: [1, 7], gradients: rows),
                            .nonFinite
                        ))
                    cases.append(
                        (
                            "assign of \(value) at \(at)",
                            encoder().assign(
                                table: table.number, dimension: 3, ids: [1, 7], rows: rows),
                            .nonFinite
                        ))
                }
            }
            let largest = [Float](repeating: .greatestFiniteMagnitude, count: 6)
            cases.append(
                (
                    "a sum that overflows",
                    encoder().push(
                        table: table.number, dimension: 3, ids: [1, 1], gradients: largest),
                    .nonFinite
                ))
            cases.append(
                (
                    "a weight that is NaN",
                    encoder().pool(
                        table: table.number, mode: .sum, ids: [1, 7], offsets: [0],
                        weights: [1, .nan],
                        create: true),
                    .nonFinite
                ))
            return cases
        }
    }

    @Test func requestsThatDoNotFollowTheProtocol() async throws {
        try await refused { table in
            let number = table.number
            let encoder = { table.client.encoder }
            let pull = { encoder().pull(table: number, ids: [1, 7], create: true) }
            let push = {
                encoder().push(table: number, dimension: 3, ids: [7], gradients: [1, 1, 1])
            }
            func pool(_ offsets: [UInt64], _ mode: PoolMode = .sum, _ ids: [UInt64] = [1, 7])
                -> ByteBuffer
            {
                encoder().pool(table: number, mode: mode, ids: ids, offsets: offsets, create: true)
            }
            return [
                ("unknown operation", changed(pull(), 8, [0x77]), .unknownOperation),
                ("operation 0", changed(pull(), 8, [0]), .unknownOperation),
                ("reserved bits of options", changed(pull(), 9, [0x50]), .unknownOperation),
                ("unknown format", changed(pull(), 9, [0x13]), .unknownOperation),
                ("options of a push", changed(push(), 9, [0x10]), .unknownOperation),
                ("a status", changed(pull(), 10, [1, 0]), .malformed),
                ("table 0", encoder().pull(table: 0, ids: [7], create: true), .unknownTable),
                ("table 99", encoder().pull(table: 99, ids: [7], create: true), .unknownTable),
                (
                    "push to table 99",
                    encoder().push(table: 99, dimension: 1, ids: [7], gradients: [1]), .unknownTable
                ),
                ("delete in table 99", encoder().delete(table: 99, ids: [1]), .unknownTable),
                ("drop of table 99", encoder().dropTable(99), .unknownTable),
                ("stats of table 99", encoder().stats(table: 99), .unknownTable),
                ("count of table 99", encoder().count(table: 99), .unknownTable),
                (
                    "a table where none is due", changed(encoder().ping(), 12, [1, 0, 0, 0]),
                    .malformed
                ),
                ("more ids than there are", changed(push(), 16, [2, 0, 0, 0]), .malformed),
                ("2^32 - 1 ids", changed(push(), 16, [255, 255, 255, 255]), .tooManyIds),
                ("a large dimension", changed(push(), 20, [255, 255, 255, 255]), .malformed),
                ("offsets that descend", pool([0, 2, 1]), .malformed),
                ("offsets from 1", pool([1]), .malformed),
                ("an offset beyond the ids", pool([0, 3]), .malformed),
                ("ids without a bag", pool([]), .malformed),
                ("an unknown mode", changed(pool([0]), 24, [3]), .malformed),
                (
                    "weights of a mean",
                    encoder().pool(
                        table: number, mode: .mean, ids: [7], offsets: [0], weights: [1],
                        create: true),
                    .malformed
                ),
                ("reserved bytes of pool", changed(pool([0]), 27, [1]), .malformed),
                ("a relative path", encoder().checkpoint(path: "copy"), .malformed),
                ("a path that is taken", encoder().checkpoint(path: "/tmp"), .cannotCreate),
                ("an unknown name", try encoder().openTable(name: "u"), .unknownTable),
            ]
        }
    }

    @Test func tablesThatCannotBe() async throws {
        try await refused { table in
            let encoder = { table.client.encoder }
            func create(
                _ name: String = "u", ifExists: IfExists = .error,
                _ change: (inout TableSchema) -> Void = { _ in }
            ) throws -> ByteBuffer {
                var schema = table.schema
                change(&schema)
                return try encoder().createTable(name: name, schema: schema, ifExists: ifExists)
            }
            return [
                ("the name is taken", try create("t"), .tableExists),
                ("another schema", try create("t", ifExists: .open) { $0.seed = 1 }, .tableExists),
                ("dimension 0", try create { $0.dimension = 0 }, .invalidSchema),
                ("dimension 4097", try create { $0.dimension = 4097 }, .invalidSchema),
                ("NaN", try create { $0.optimizer = .sgd(learningRate: .nan) }, .invalidSchema),
                (
                    "low > high", try create { $0.initializer = .uniform(low: 1, high: 0) },
                    .invalidSchema
                ),
                ("admission 2", try create { $0.admissionCount = 2 }, .invalidSchema),
                (
                    "a hidden unit", try create { $0.scheme = .deepHash(hashes: 4, hidden: 1) },
                    .invalidSchema
                ),
                (
                    "too many hashes",
                    try create { $0.scheme = .deepHash(hashes: .max, hidden: 8) }, .invalidSchema
                ),
                ("a name with a space", changed(try create(), 22, [0x20]), .invalidSchema),
                ("unknown optimizer", changed(try create(), 23 + 6, [9]), .invalidSchema),
                ("reserved bytes", changed(try create(), 23 + 11, [1]), .malformed),
            ]
        }
    }

    @Test func requestsAndRepliesThatAreTooLarge() async throws {
        var options = TestServer.options
        options.idsMax = 100
        options.frameBytesMax = 1000
        try await refused(options: options) { table in
            let number = table.number
            let encoder = { table.client.encoder }
            let ids = Array(1...101 as ClosedRange<UInt64>)
            return [
                (
                    "too many ids to pull", encoder().pull(table: number, ids: ids, create: true),
                    .tooManyIds
                ),
                ("too many ids to delete", encoder().delete(table: number, ids: ids), .tooManyIds),
                (
                    "too many bags",
                    encoder().pool(
                        table: number, mode: .sum, ids: [],
                        offsets: Array(repeating: 0, count: 101), create: true),
                    .tooManyIds
                ),
                // 100 rows of 12 bytes are above 1,000 bytes; as float16 they are not.
                (
                    "a large reply",
                    encoder().pull(table: number, ids: Array(ids[..<100]), create: true),
                    .tooLarge
                ),
                (
                    "a large reply of pool",
                    encoder().pool(
                        table: number, mode: .sum, ids: [],
                        offsets: Array(repeating: 0, count: 90), create: true),
                    .tooLarge
                ),
            ]
        }
    }

    /// A server that may write no longer replies than it says cannot list all of its tables.
    @Test func aListThatIsTooLongIsRefused() async throws {
        var options = TestServer.options
        options.frameBytesMax = 400
        try await TestServer.with(options: options) { server in
            try await server.connected { client in
                for name in ["a", "b", "c", "d"] {
                    _ = try await client.createTable(name, schema: .exact(dimension: 1))
                }
                #expect(try await refusal { _ = try await client.tables() } == .tooLarge)
                #expect(try await refusal { _ = try await client.stats() } == .tooLarge)
                try await client.ping()
            }
        }
    }

    @Test func theDisksErrorReachesTheClient() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                let ids = Array(1...20 as ClosedRange<UInt64>)
                try await table.assign(ids, rows: numberedRows(20, 2))
                try demoteEverything(server, "t")
                server.cold.fail(.read)
                #expect(try await refusal { _ = try await table.pull([3]) } == .storageFailed)
                #expect(
                    try await refusal { _ = try await table.pull([3], create: false) }
                        == .storageFailed)
                #expect(
                    try await refusal { _ = try await table.pool([3], offsets: [0]) }
                        == .storageFailed)
                #expect(
                    try await refusal { try await table.push([3], gradients: [1, 1]) }
                        == .storageFailed)
                #expect(try await refusal { _ = try await table.delete([3]) } == .storageFailed)
                server.cold.recover()
                expectRows(try await table.pull(ids, create: false).values, numberedRows(20, 2))
                #expect(try await table.count() == 20)
            }
        }
    }
}
