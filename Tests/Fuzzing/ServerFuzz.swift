internal import EmbeddingClient
package import EmbeddingWire
internal import Foundation
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Mutated requests on many connections of a running server.
///
/// It has to answer every request whose framing is sound, with a reply that can be read, and to end
/// no connection but one that breaks the framing; a table that no request writes to stays as
/// it is; and memory comes to rest.
package final class ServerFuzz: Sendable {
    package struct Options: Sendable {
        package var address: ServerAddress
        /// How many frames in all.
        package var frames: Int
        package var connections = 4
        package var seed: UInt64 = 20_261_122
        /// The server's process, whose memory is looked at.
        package var process: Int32?
        /// The most resident bytes that it may have.
        package var residentBytesMax = 512 << 20
        /// Seconds between two lines of progress.
        package var reportSeconds = 10.0

        package init(address: ServerAddress, frames: Int) {
            self.address = address
            self.frames = frames
        }
    }

    /// What has been done.
    package struct Progress: Sendable {
        package var frames = 0
        /// Frames that were answered by an error.
        package var refusals = 0
        package var connections = 0
        package var residentBytes: Int?
        package var seconds = 0.0
    }

    /// Why a run failed; ``inputs`` are files with the last bytes of each connection.
    package struct Failed: Error, CustomStringConvertible {
        package let reason: String
        package let inputs: [String]
        package var description: String {
            inputs.isEmpty
                ? reason : "\(reason); what was sent last is in \(inputs.joined(separator: ", "))"
        }
    }

    private let options: Options
    private let shared: NIOLockedValueBox<Shared>

    private struct Shared {
        var tables: FrameGarbage.Tables
        var progress = Progress()
        var framesLeft: Int
        var running = 0
        var failures: [(reason: String, input: String?)] = []
    }

    private static let names = ["fuzz/a", "fuzz/b", "fuzz/c"]
    private static let dimensions = [1, 4, 17]
    private static let untouchedName = "untouched"
    private static let untouchedIDs = (0..<1000).map { UInt64($0) }
    /// Numbers that go by before the untouched table gets one, so that it is not among those that
    /// stand in many bytes.
    private static let numbersBefore = 40

    package init(_ options: Options) {
        self.options = options
        shared = NIOLockedValueBox(
            Shared(
                tables: .init(victims: [], names: Self.names, untouched: 0),
                framesLeft: options.frames))
    }

    /// - Parameter report: is told how it goes.
    /// - Throws: ``Failed``, or what the client throws.
    package func run(_ report: @escaping @Sendable (Progress) -> Void) async throws -> Progress {
        let client = try await EmbeddingClient.connect(to: options.address, timeout: .seconds(60))
        do {
            let untouched = try await makeTables(client)
            let before = try await untouched.pull(Self.untouchedIDs, create: false).values
            startConnections()
            try await watch(client, report)
            try await client.ping()
            let after = try await untouched.pull(Self.untouchedIDs, create: false)
            let count = try await untouched.count()
            guard after.values == before, after.found?.allSatisfy({ $0 }) == true,
                count == Self.untouchedIDs.count
            else { throw Failed(reason: "a table that no request named has changed", inputs: []) }
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        return shared.withLockedValue { $0.progress }
    }

    private func makeTables(_ client: EmbeddingClient) async throws -> EmbeddingTable {
        for _ in 0..<Self.numbersBefore {
            let passing = try await client.createTable(
                "passing", schema: TableSchema(dimension: 1), ifExists: .open)
            try await passing.drop()
        }
        let dimension = 8
        let untouched = try await client.createTable(
            Self.untouchedName, schema: TableSchema(dimension: UInt32(dimension), cold: .float32),
            ifExists: .error)
        try await untouched.assign(
            Self.untouchedIDs,
            rows: (0..<Self.untouchedIDs.count * dimension).map { Float($0) })
        shared.withLockedValue {
            $0.tables = .init(victims: [], names: Self.names, untouched: untouched.number)
        }
        try await refreshTables(client)
        return untouched
    }

    /// Makes the tables again that were dropped, and drops those of other names.
    private func refreshTables(_ client: EmbeddingClient) async throws {
        var victims: [(number: UInt32, dimension: Int)] = []
        for (name, dimension) in zip(Self.names, Self.dimensions) {
            var table = try await unlessDropped { try await client.table(named: name) }
            if table == nil {
                table = try await unlessDropped {
                    try await client.createTable(
                        name, schema: TableSchema(dimension: UInt32(dimension)), ifExists: .open)
                }
            }
            if let table { victims.append((table.number, table.dimension)) }
        }
        if !victims.isEmpty {
            shared.withLockedValue { [victims] in $0.tables.victims = victims }
        }
        for listing in try await client.tables()
        where !Self.names.contains(listing.name) && listing.name != Self.untouchedName {
            _ = try await unlessDropped { try await EmbeddingTable(client: client, listing).drop() }
        }
    }

    /// Nil where another connection was faster to make or drop a table.
    private func unlessDropped<Value>(_ body: () async throws -> Value) async throws -> Value? {
        do {
            return try await body()
        } catch let error as WireError
            where [.unknownTable, .tableExists, .unsupported, .overloaded].contains(error.code)
        {
            return nil
        }
    }

    private func startConnections() {
        shared.withLockedValue { $0.running = options.connections }
        for number in 0..<options.connections {
            // A thread that blocks, beside a server that may be in this process.
            Thread.detachNewThread { [self] in
                var sender = Sender(number: number, seed: options.seed &+ UInt64(number))
                do {
                    try work(&sender)
                } catch {
                    let input = NSTemporaryDirectory() + "thermocline-fuzz-server-\(number)"
                    let kept = FileManager.default.createFile(
                        atPath: input, contents: Data(sender.lastBytes))
                    shared.withLockedValue {
                        $0.failures.append(("\(error)", kept ? input : nil))
                    }
                }
                shared.withLockedValue { $0.running -= 1 }
            }
        }
    }

    /// One thread's state.
    private struct Sender {
        let number: Int
        var random: SeededRandom
        var lastBytes: [UInt8] = []

        init(number: Int, seed: UInt64) {
            self.number = number
            random = SeededRandom(seed: seed)
        }
    }

    private static let batchFrames = 256

    private func work(_ sender: inout Sender) throws {
        var garbage = FrameGarbage(
            shared.withLockedValue { $0.tables }, seed: sender.random.next())
        while let connection = try connect() {
            while true {
                let count = shared.withLockedValue { shared in
                    garbage.tables = shared.tables
                    guard shared.failures.isEmpty else { return 0 }
                    let count = min(shared.framesLeft, Self.batchFrames)
                    shared.framesLeft -= count
                    return count
                }
                if count == 0 { return }
                let frames = (0..<count).map { id in
                    (id: UInt32(id), bytes: garbage.frame(requestID: UInt32(id)))
                }
                sender.lastBytes = frames.flatMap(\.bytes)
                let refusals = connection.refusals
                try connection.send(frames)
                shared.withLockedValue {
                    $0.progress.frames += count
                    $0.progress.refusals += connection.refusals - refusals
                }
                if sender.random.oneIn(50) {
                    sender.lastBytes = garbage.unsoundTail(requestID: 0)
                    try connection.send(unsound: sender.lastBytes)
                    break
                }
            }
            if sender.random.oneIn(2) {
                sender.lastBytes = garbage.wrongHello()
                try FuzzedConnection(to: options.address).send(wrongHello: sender.lastBytes)
            }
        }
    }

    /// Nil when enough has been sent.
    private func connect() throws -> FuzzedConnection? {
        let goesOn = shared.withLockedValue { shared in
            shared.progress.connections += 1
            return shared.framesLeft > 0 && shared.failures.isEmpty
        }
        guard goesOn else { return nil }
        let connection = try FuzzedConnection(to: options.address)
        try connection.shakeHands()
        return connection
    }

    /// Waits for the connections, keeps the tables there, and looks at the server's memory.
    private func watch(
        _ client: EmbeddingClient, _ report: @Sendable (Progress) -> Void
    ) async throws {
        let started = ContinuousClock.now
        var reported = 0.0
        var residentEarly: Int?
        while shared.withLockedValue({ $0.running > 0 && $0.failures.isEmpty }) {
            try await Task.sleep(for: .milliseconds(50))
            do {
                try await refreshTables(client)
            } catch {
                // The connections know more, if they have failed too.
                shared.withLockedValue { $0.failures.append(("\(error)", nil)) }
            }
            let progress = note(since: started)
            if let resident = progress.residentBytes {
                if residentEarly == nil, progress.frames >= options.frames / 2 {
                    residentEarly = resident
                }
                try checkResident(resident, early: residentEarly)
            }
            if progress.seconds - reported >= options.reportSeconds {
                reported = progress.seconds
                report(progress)
            }
        }
        // Every connection writes down what it sent last.
        while shared.withLockedValue({ $0.running > 0 }) {
            try await Task.sleep(for: .milliseconds(50))
        }
        let failures = shared.withLockedValue { $0.failures }
        if let first = failures.first {
            throw Failed(reason: first.reason, inputs: failures.compactMap(\.input))
        }
        report(note(since: started))
    }

    private func note(since started: ContinuousClock.Instant) -> Progress {
        let resident = options.process.flatMap(Self.residentBytes)
        return shared.withLockedValue { shared in
            shared.progress.seconds = started.duration(to: .now) / .seconds(1)
            shared.progress.residentBytes = resident
            return shared.progress
        }
    }

    /// What a leak would leave behind it: memory that goes on growing in the second half.
    private func checkResident(_ resident: Int, early: Int?) throws {
        guard resident <= options.residentBytesMax else {
            throw Failed(reason: "the server has \(resident >> 20) MiB resident", inputs: [])
        }
        if let early, resident > early + early / 4 + 32 << 20 {
            throw Failed(
                reason: "the server grew from \(early >> 20) MiB resident to \(resident >> 20) MiB "
                    + "in the second half",
                inputs: [])
        }
    }

    /// Of another process; nil when there is none.
    private static func residentBytes(_ process: Int32) -> Int? {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return kibibytes << 10
    }
}
