internal import EmbeddingClient
internal import EmbeddingWire
internal import NIOCore
internal import Synchronization

/// Keeps a number of requests in flight on one connection, from its event loop.
final class LoadWorker {
    /// A request to make.
    struct Call {
        var operation: OperationMix.Operation
        var ids: [UInt64]
        /// Whether it is part of what is measured.
        var counts: Bool
    }

    /// What every worker of a load has in common.
    struct Settings: Sendable {
        /// Requests in flight.
        var depth: Int
        var create: Bool
        var format: RowFormat
        /// Gradients or rows to send: as many as the largest batch needs.
        var values: [Float]
        /// Completions after this are not counted.
        var end: NIODeadline?
    }

    /// Rows done by all workers, for a display of progress.
    final class Progress: Sendable {
        let rows = Atomic<Int>(0)
    }

    typealias Tallies = [OperationMix.Operation: LoadTally]

    private let client: EmbeddingClient
    private let table: EmbeddingTable
    private let settings: Settings
    private let progress: Progress
    /// The next request; none when there is nothing left to do.
    private let next: () -> Call?
    private let done: EventLoopPromise<Tallies>
    private var tallies: Tallies = [:]
    private var inFlight = 0

    private init(
        _ table: EmbeddingTable, _ settings: Settings, _ progress: Progress,
        done: EventLoopPromise<Tallies>, next: @escaping () -> Call?
    ) {
        client = table.client
        self.table = table
        self.settings = settings
        self.progress = progress
        self.done = done
        self.next = next
    }

    /// Makes the calls that `makeNext` yields on the connection of `table`, until there is none.
    ///
    /// - Parameter makeNext: is called once, on the event loop.
    /// - Throws: the first error of the connection, or reply that is an error other than
    ///   `overloaded`.
    static func run(
        _ table: EmbeddingTable, _ settings: Settings, _ progress: Progress,
        _ makeNext: @escaping @Sendable () -> (() -> Call?)
    ) async throws -> Tallies {
        let done = table.client.eventLoop.makePromise(of: Tallies.self)
        table.client.eventLoop.execute {
            let worker = LoadWorker(table, settings, progress, done: done, next: makeNext())
            for _ in 0..<settings.depth { worker.call() }
            if worker.inFlight == 0 { done.succeed([:]) }
        }
        return try await done.futureResult.get()
    }

    private func call() {
        guard let call = next() else { return }
        inFlight += 1
        send(call, started: .now())
    }

    private func send(_ call: Call, started: NIODeadline) {
        let frame = encode(call)
        let requestBytes = frame.readableBytes
        client.send(frame).assumeIsolated().whenComplete { result in
            do {
                let reply = try result.get()
                if let pause = try self.pause(after: reply, of: call) {
                    self.sendAgain(call, started: started, after: pause)
                    return
                }
                try self.take(call, started: started, requestBytes: requestBytes, reply)
                self.finish()
            } catch {
                self.done.fail(error)
            }
        }
    }

    private func finish() {
        inFlight -= 1
        call()
        if inFlight == 0 { done.succeed(tallies) }
    }

    /// How long to wait before the request is sent again: as long as an `overloaded` reply says,
    /// and a little in any case; none for another reply. Throws any other error.
    private func pause(after reply: Frame, of call: Call) throws -> TimeAmount? {
        do throws(WireError) {
            try reply.checkStatus()
            return nil
        } catch {
            guard error.code == .overloaded else { throw error }
            tallies[call.operation, default: LoadTally()].overloaded += 1
            return .milliseconds(max(1, Int64(error.retryAfterMs)))
        }
    }

    private func sendAgain(_ call: Call, started: NIODeadline, after pause: TimeAmount) {
        client.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            if let end = self.settings.end, .now() >= end { return self.finish() }
            self.send(call, started: started)
        }
    }

    private func encode(_ call: Call) -> ByteBuffer {
        let encoder = client.encoder
        switch call.operation {
        case .pull:
            return encoder.pull(
                table: table.number, ids: call.ids, create: settings.create,
                format: settings.format)
        case .push:
            return encoder.push(
                table: table.number, dimension: table.dimension, ids: call.ids,
                gradients: values(for: call))
        case .assign:
            return encoder.assign(
                table: table.number, dimension: table.dimension, ids: call.ids,
                rows: values(for: call))
        }
    }

    private func values(for call: Call) -> [Float] {
        let count = call.ids.count * table.dimension
        return count == settings.values.count
            ? settings.values : Array(settings.values.prefix(count))
    }

    private func take(
        _ call: Call, started: NIODeadline, requestBytes: Int, _ reply: Frame
    ) throws {
        let now = NIODeadline.now()
        let bodyBytes =
            call.operation == .pull
            ? RowsLayout(
                rows: call.ids.count, dimension: table.dimension, format: settings.format,
                hasFound: !settings.create
            ).byteCount : 0
        guard reply.body.readableBytes == bodyBytes else {
            throw WireError(
                .malformed, "a reply of \(reply.body.readableBytes) bytes, not \(bodyBytes)")
        }
        progress.rows.wrappingAdd(call.ids.count, ordering: .relaxed)
        guard call.counts, settings.end.map({ now <= $0 }) ?? true else { return }
        tallies[call.operation, default: LoadTally()].record(
            latencyNs: (now - started).nanoseconds, rows: call.ids.count,
            bytes: requestBytes + FrameHeader.byteCount + bodyBytes)
    }
}
