import EmbeddingClient
import EmbeddingServer
import EmbeddingWire
import Foundation
import Testing

@testable import EmbeddingStore

/// From a client through a socket to a store and back.
@Suite struct EmbeddingServerTests {
    private static let extremes: [UInt64] = [0, 1, 1 << 63, .max]

    @Test(arguments: [TestServer.Socket.unix, .tcp])
    func everyOperationEndToEnd(socket: TestServer.Socket) async throws {
        try await TestServer.with(socket: socket) { server in
            try await server.connected { client in
                try await client.ping()
                #expect(client.acceptsWrites)
                let table = try await client.createTable("t", schema: .exact(dimension: 3))
                let ids = Self.extremes
                let created = try await table.pull(ids)
                #expect(created.count == 4 && created.found == nil)
                expectRows(created.values, Array(repeating: 0, count: 12))

                try await table.assign(ids, rows: (1...12).map(Float.init))
                try await table.push([.max, 0], gradients: [1, 1, 1, 2, 2, 2])
                let rows = try await table.pull(ids + [77], create: false)
                #expect(rows.found == [true, true, true, true, false])
                expectRows(rows.values, [-1, 0, 1, 4, 5, 6, 7, 8, 9, 9, 10, 11, 0, 0, 0])
                #expect(try await table.count() == 4)

                #expect(try await table.delete([1, 1, 5]) == 1)
                #expect(try await table.count() == 3)
                let gone = try await table.pull([1], create: false)
                #expect(gone.found == [false])

                let listed = try await client.tables()
                #expect(listed.map(\.name) == ["t"] && listed[0].schema == table.schema)
                #expect(try await client.table(named: "t").number == table.number)
                #expect(try await table.stats().contains("\"rows\":3"))
                #expect(try await client.stats().contains("\"push\""))

                let copy = TestServer.temporaryPath()
                defer { try? FileManager.default.removeItem(atPath: copy) }
                let report = try await client.checkpoint(to: copy)
                #expect(report.contains("\"rows\":3"), "\(report)")
                let copied = try Store(path: copy, options: .init(memoryBytes: 1 << 20))
                defer { try? copied.close() }
                #expect(try copied.table(named: "t").count == 3)

                _ = try await table.pull([.max, 0], create: false)
                #expect(
                    try await refusal { _ = try await table.shrink(maxAge: 1) } == .unsupported)
                #expect(try await table.shrink(minFrequency: 4) == 1)
                #expect(try await table.count() == 2)
                #expect(try await table.stats().contains("\"evictions\":1"))

                try await table.drop()
                #expect(try await refusal { _ = try await table.count() } == .unknownTable)
                #expect(try await client.tables().isEmpty)
            }
        }
    }

    @Test func aPullSentBehindAPushSeesIt() async throws {
        try await TestServer.with(socket: .unix) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                for step in 1...20 {
                    let rows = try await table.push(
                        [7, 8], gradients: [1, 2, 3, 4], thenPull: [8, 9, 7])
                    let moved = Float(-step)
                    expectRows(rows.values, [3 * moved, 4 * moved, 0, 0, moved, 2 * moved])
                    #expect(rows.count == 3 && rows.found == nil)
                }
                #expect(
                    try await refusal {
                        _ = try await table.push(
                            [7], gradients: [.nan, 1], thenPull: [7])
                    } == .nonFinite)
                expectRows(try await table.pull([7]).values, [-20, -40])
            }
        }
    }

    @Test func announcedRowsAreHeldUntilTheirConnectionEnds() async throws {
        struct Figures: Decodable {
            var announced: TableStatistics.Announced

            init(_ json: String) throws {
                self = try JSONDecoder().decode(Figures.self, from: Data(json.utf8))
            }
        }
        try await TestServer.with { server in
            try await server.connected { reader in
                try await server.connected { client in
                    let table = try await client.createTable("t", schema: .exact(dimension: 4))
                    _ = try await table.pull((0..<100).map { UInt64($0) })
                    try demoteEverything(server, "t")
                    #expect(client.mayPrefetch)
                    // Ids without a row are passed over, and get none.
                    #expect(try await table.prefetch((90..<110).map { UInt64($0) }) == 10)
                    #expect(try await table.count() == 100)
                    _ = try await table.pull([90, 91], create: false)
                    #expect(
                        try Figures(try await table.stats()).announced
                            == .init(held: 8, readAhead: 10, hits: 2))
                }
                let same = try await reader.table(named: "t")
                let deadline = ContinuousClock.now + .seconds(20)
                while true {
                    // The whole server's look at what is over; then one table's figures.
                    _ = try await reader.stats()
                    let held = try Figures(try await same.stats()).announced.held
                    if held == 0 { break }
                    try #require(ContinuousClock.now < deadline, "\(held) rows are held")
                }
            }
        }
    }

    /// Who announces and goes while the rows are read leaves nothing behind.
    @Test func aConnectionThatEndsWhileItsRowsAreRead() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 4))
                let ids = (0..<1000).map { UInt64($0) }
                _ = try await table.pull(ids)
                for round in 0..<20 {
                    try demoteEverything(server, "t")
                    let raw = try RawConnection(to: server.address)
                    try raw.shakeHands()
                    try raw.send(RequestEncoder().prefetch(table: table.number, ids: ids))
                    if round % 2 == 0 { try await Task.sleep(for: .microseconds(200 * round)) }
                }
                let deadline = ContinuousClock.now + .seconds(20)
                while true {
                    let figures = server.store.statistics()
                    let held = figures.tables[0].announced.held
                    // And all of the room is free again.
                    if held == 0, server.store.budget.announcements.isEmpty { break }
                    try #require(ContinuousClock.now < deadline, "\(held) rows are held")
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
        }
    }

    /// Fields are counted where one table is asked for, admissions always.
    @Test func aTableReportsFieldsAndAdmissions() async throws {
        struct Figures: Decodable {
            var admission: AdmissionFigures?
            var hotFields: FieldStatistics?
        }
        struct Whole: Decodable {
            var tables: [Figures]
        }
        func decoded<Value: Decodable>(_: Value.Type, _ json: String) throws -> Value {
            try JSONDecoder().decode(Value.self, from: Data(json.utf8))
        }
        try await TestServer.with { server in
            try await server.connected { client in
                var schema = EmbeddingWire.TableSchema.exact(dimension: 2)
                schema.scheme = .frequencyFiltered()
                schema.admissionCount = 2
                schema.fieldBits = 4
                let table = try await client.createTable("t", schema: schema)
                for _ in 0..<3 { _ = try await table.pull([1, 2, 15 << 60 | 1]) }
                _ = try await table.pull([3, 7 << 60])
                let figures = try decoded(Figures.self, try await table.stats())
                #expect(figures.admission?.candidates == 2)
                #expect(figures.admission?.admissions == 3)
                let fields = try #require(figures.hotFields)
                #expect(fields.listed.map(\.field) == [0, 7, 15])
                #expect(fields.listed.map(\.rows) == [2, 0, 1])
                #expect(fields.listed.map(\.candidates) == [1, 1, 0])
                let whole = try decoded(Whole.self, try await client.stats())
                #expect(whole.tables.map(\.admission) == [figures.admission])
                #expect(whole.tables.allSatisfy { $0.hotFields == nil })
                let plain = try await client.createTable("p", schema: .exact(dimension: 2))
                let none = try decoded(Figures.self, try await plain.stats())
                #expect(none.admission == nil && none.hotFields == nil)
            }
        }
    }

    @Test(arguments: [1, 3, 17, 4096] as [UInt32])
    func everyDimensionInEveryFormat(dimension: UInt32) async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: dimension))
                let width = Int(dimension)
                let values = (0..<4 * width).map { Float(($0 &* 7919) % 2001 - 1000) / 1000 }
                try await table.assign(Self.extremes, rows: values)
                expectRows(try await table.pull(Self.extremes).values, values)
                let halves = try await table.pull(Self.extremes, format: .float16).values
                let integers = try await table.pull(Self.extremes, create: false, format: .int16)
                    .values
                #expect(halves.count == values.count && integers.count == values.count)
                // Half a step: eleven bits, or one in 32,767 of the row's largest.
                var wrong = 0
                for at in values.indices {
                    let row = at / width * width
                    let largest = values[row..<row + width].map(abs).max()!
                    if abs(halves[at] - values[at]) > max(abs(values[at]), 0x1p-14) * 0x1.01p-11 {
                        wrong += 1
                    }
                    if abs(integers[at] - values[at]) > largest / 32767 * 0.501 { wrong += 1 }
                }
                #expect(wrong == 0)
            }
        }
    }

    @Test func emptyAndRepeatedIds() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                #expect(try await table.pull([]).values.isEmpty)
                #expect(try await table.pull([], create: false).found == [])
                try await table.push([], gradients: [])
                try await table.assign([], rows: [])
                #expect(try await table.pool([], offsets: []).isEmpty)
                expectRows(try await table.pool([], offsets: [0, 0]), [0, 0, 0, 0])
                #expect(try await table.delete([]) == 0)
                #expect(try await table.count() == 0)

                let ids = [UInt64](repeating: 9, count: 10_000)
                let gradients = (0..<20_000).map { $0 % 2 == 0 ? Float(-1) : 2 }
                try await table.push(ids, gradients: gradients)
                expectRows(try await table.pull([9]).values, [10_000, -20_000])
                // The last one counts.
                try await table.assign(ids, rows: (0..<20_000).map(Float.init))
                expectRows(try await table.pull([9, 9]).values, [19_998, 19_999, 19_998, 19_999])
                #expect(try await table.delete(ids) == 1)
            }
        }
    }

    /// Two rows on disk, so that half of each bag comes from there.
    @Test func poolingInAllModes() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                try await table.assign([1, 2, 3, 4], rows: [1, -1, 2, -2, 30, -30, 4, -4])
                let rows = try server.store.table(named: "t").rows
                for _ in 0..<3 { _ = try rows.demote(below: .everything, bytesMax: 1 << 20) }
                _ = try await table.pull([1, 2])
                let ids: [UInt64] = [1, 3, 2, 2, 4, 99]
                let offsets: [UInt64] = [0, 2, 2, 5]
                expectRows(
                    try await table.pool(ids, offsets: offsets, create: false),
                    [31, -31, 0, 0, 8, -8, 0, 0])
                expectRows(
                    try await table.pool(ids, offsets: offsets, mode: .mean, create: false),
                    [15.5, -15.5, 0, 0, Float(8) / 3, Float(-8) / 3, 0, 0])
                expectRows(
                    try await table.pool(ids, offsets: offsets, mode: .max, create: false),
                    [30, -1, 0, 0, 4, -2, 0, 0])
                expectRows(
                    try await table.pool(
                        ids, offsets: offsets, weights: [2, 0.5, 1, -1, 10, 5], create: false),
                    [17, -17, 0, 0, 40, -40, 0, 0])
                #expect(try await table.count() == 4)
                _ = try await table.pool(ids, offsets: offsets, create: true)
                #expect(try await table.count() == 5)
            }
        }
    }

    // MARK: start and stop

    @Test func stoppingAnswersWhatIsInFlight() async throws {
        let path = TestServer.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let ids = Array(1...50 as ClosedRange<UInt64>)
        try await TestServer.with(path: path) { server in
            let client = try await server.connect()
            let table = try await client.createTable("t", schema: .exact(dimension: 4))
            try await table.assign(ids, rows: numberedRows(50, 4))
            let rows = try server.store.table(named: "t").rows
            for _ in 0..<3 { _ = try rows.demote(below: .everything, bytesMax: 1 << 20) }

            server.cold.hold(.read)
            async let pushed: Void = table.push(ids, gradients: Array(repeating: -1, count: 200))
            #expect(try await server.cold.untilHeld(.read))
            await server.beginStop()
            try await Task.sleep(for: .milliseconds(100))
            server.cold.release(.read)
            try await pushed
            try await server.finished()
            #expect(!FileManager.default.fileExists(atPath: path + "/t.sock"))
            await #expect(throws: ConnectionError.self) { try await client.ping() }
            await #expect(throws: ConnectionError.self) { _ = try await server.connect() }
        }
        let store = try Store(path: path, options: .init(memoryBytes: 1 << 20))
        defer { try? store.close() }
        expectRows(
            try store.table(named: "t").pull(ids, create: false), numberedRows(50, 4).map { $0 + 1 }
        )
    }

    @Test func statisticsDoNotWaitForACheckpoint() async throws {
        let copy = TestServer.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 4))
                try await table.assign([1, 2, 3], rows: numberedRows(3, 4))
                server.cold.hold(.write)
                async let copied = client.checkpoint(to: copy)
                #expect(try await server.cold.untilHeld(.write))
                let other = try await server.connect()
                _ = try await other.stats()
                #expect(try await other.tables().count == 1)
                server.cold.release(.write)
                #expect(try await copied.contains("\"rows\":3"))
            }
        }
    }

    @Test func aFolderOrSocketInUseIsRefused() async throws {
        try await TestServer.with { server in
            #expect(throws: StoreError.inUse(server.path)) {
                try Store(path: server.path, options: .init(memoryBytes: 1 << 20))
            }
            let other = TestServer.temporaryPath()
            defer { try? FileManager.default.removeItem(atPath: other) }
            let store = try Store(path: other, options: .init(memoryBytes: 1 << 20))
            defer { try? store.close() }
            let second = EmbeddingServer(
                store: store, addresses: [server.address], options: TestServer.options,
                logger: quietLogger)
            await #expect(throws: CannotListen.self) { try await second.run() }
            // The first one is still reached.
            try await server.connected { try await $0.ping() }
        }
    }

    @Test func aSocketFileThatNobodyAnswersOnIsReplaced() async throws {
        let path = TestServer.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "\(path)/t.sock".utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
        #expect(bound == 0)
        try await TestServer.with(path: path) { server in
            try await server.connected { try await $0.ping() }
        }
    }

    @Test func aReadOnlyServerServesAndTakesNoWrites() async throws {
        let path = TestServer.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await TestServer.with(path: path) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                try await table.assign([1, 2], rows: [1, 1, 2, 2])
            }
        }
        try await TestServer.with(path: path, isReadOnly: true, socket: .tcp) { server in
            try await server.connected { client in
                #expect(!client.acceptsWrites)
                let table = try await client.table(named: "t")
                let rows = try await table.pull([1, 2, 3], create: false)
                expectRows(rows.values, [1, 1, 2, 2, 0, 0])
                #expect(rows.found == [true, true, false])
                expectRows(try await table.pool([1, 2], offsets: [0], create: false), [3, 3])
                #expect(try await table.count() == 2)
                let one: [Float] = [1, 1]
                #expect(try await refusal { _ = try await table.pull([1]) } == .readOnly)
                #expect(
                    try await refusal { _ = try await table.pool([1], offsets: [0], create: true) }
                        == .readOnly)
                #expect(
                    try await refusal { try await table.push([1], gradients: one) } == .readOnly)
                #expect(try await refusal { try await table.assign([1], rows: one) } == .readOnly)
                #expect(try await refusal { _ = try await table.delete([1]) } == .readOnly)
                #expect(try await refusal { try await table.drop() } == .readOnly)
                #expect(
                    try await refusal {
                        _ = try await client.createTable("u", schema: .exact(dimension: 2))
                    } == .readOnly)
                #expect(
                    try await refusal { _ = try await client.checkpoint(to: path + "-c") }
                        == .readOnly)
                expectRows(try await table.pull([1, 2], create: false).values, [1, 1, 2, 2])
            }
        }
    }
}
