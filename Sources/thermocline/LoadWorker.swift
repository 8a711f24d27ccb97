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
        /// Requests that are known before they are sent, so that the ids of pulls can be announced.
        var announce: Int
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
    /// Requests that will be sent in this order.
    private var coming: [Coming] = []

    /// A request that is not sent before the reply to its announcement.
    private final class Coming {
        let call: Call
        var isReady: Bool

        init(_ call: Call) {
            self.call = call
            isReady = call.operation != .pull
        }
    }

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
            worker.fill()
        }
        return try await done.futureResult.get()
    }

    /// Sends as many requests as may be in flight; ends when there are none any more.
    private func fill() {
        announce()
        while inFlight < settings.depth, let call = nextCall() {
            inFlight += 1
            send(call, started: .now())
            announce()
        }
        if inFlight == 0, coming.isEmpty { done.succeed(tallies) }
    }

    private func nextCall() -> Call? {
        if settings.announce == 0 { return next() }
        guard let first = coming.first, first.isReady else { return nil }
        coming.removeFirst()
        return first.call
    }

    private func announce() {
        while coming.count < settings.announce, let call = next() {
            let announced = Coming(call)
            coming.append(announced)
            if announced.isReady { continue }
            let prefetch = Call(operation: .prefetch, ids: call.ids, counts: call.counts)
            send(prefetch, for: announced, started: .now())
        }
    }

    private func send(_ call: Call, for announced: Coming? = nil, started: NIODeadline) {
        let part = call.operation == .pull ? takePart(for: call) : nil
        let frame = encode(call, place: part?.place)
        let requestBytes = frame.readableBytes
        let reply = part.map { client.send(frame, into: $0) } ?? client.send(frame)
        reply.assumeIsolated().whenComplete { result in
            do {
                let reply = try result.get()
                if let pause = try self.pause(after: reply, of: call) {
                    self.sendAgain(call, for: announced, started: started, after: pause)
                    return
                }
                try self.take(
                    call, isPlaced: part != nil, started: started, requestBytes: requestBytes, reply)
                self.finish(announced)
            } catch {
                self.done.fail(error)
            }
        }
    }

    /// Takes note of the reply to a request or, with `announced`, to its announcement.
    private func finish(_ announced: Coming?) {
        if let announced { announced.isReady = true } else { inFlight -= 1 }
        fill()
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

    private func sendAgain(
        _ call: Call, for announced: Coming?, started: NIODeadline, after pause: TimeAmount
    ) {
        client.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            if let end = self.settings.end, .now() >= end {
                return self.finish(announced)
            }
            self.send(call, for: announced, started: started)
        }
    }

    /// Where the rows of a pull go, if there is memory for them that is shared.
    private func takePart(for call: Call) -> SharedReplies.Part? {
        client.sharedReplies?.take(layout(of: call).byteCount)
    }

    private func layout(of call: Call) -> RowsLayout {
        RowsLayout(
            rows: call.ids.count, dimension: table.dimension, format: settings.format,
            hasFound: !settings.create)
    }

    private func encode(_ call: Call, place: UInt64?) -> ByteBuffer {
        let encoder = client.encoder
        switch call.operation {
        case .pull:
            return encoder.pull(
                table: table.number, ids: call.ids, create: settings.create,
                format: settings.format, place: place)
        case .push:
            return encoder.push(
                table: table.number, dimension: table.dimension, ids: call.ids,
                gradients: values(for: call))
        case .assign:
            return encoder.assign(
                table: table.number, dimension: table.dimension, ids: call.ids,
                rows: values(for: call))
        case .prefetch: return encoder.prefetch(table: table.number, ids: call.ids)
        }
    }

    private func values(for call: Call) -> [Float] {
        let count = call.ids.count * table.dimension
        return count == settings.values.count
            ? settings.values : Array(settings.values.prefix(count))
    }

    private func take(
        _ call: Call, isPlaced: Bool, started: NIODeadline, requestBytes: Int, _ reply: Frame
    ) throws {
        let now = NIODeadline.now()
        let bodyBytes =
            switch call.operation {
            case .pull: layout(of: call).byteCount
            case .push, .assign: 0
            case .prefetch: 8
            }
        let expectedBytes = isPlaced ? 0 : bodyBytes
        guard reply.body.readableBytes == expectedBytes else {
            throw WireError(
                .malformed, "a reply of \(reply.body.readableBytes) bytes, not \(expectedBytes)")
        }
        // Of an announcement those that are held.
        let rows = try call.operation == .prefetch ? Int(reply.rowCount()) : call.ids.count
        if call.operation != .prefetch { progress.rows.wrappingAdd(rows, ordering: .relaxed) }
        guard call.counts, settings.end.map({ now <= $0 }) ?? true else { return }
        tallies[call.operation, default: LoadTally()].record(
            latencyNs: (now - started).nanoseconds, rows: rows,
            bytes: requestBytes + FrameHeader.byteCount + bodyBytes)
    }
}
