internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation
internal import NIOCore

/// Turns requests into calls of the store and their results into replies: the only place where the
/// words of the wire and those of the store meet.
struct Dispatcher: Sendable {
    private let store: any ReadableStore
    /// The same, where it takes writes: nil for a packed file.
    private let writable: Store?
    let limits: Limits
    let statistics: RequestStatistics
    private let memory: RequestMemory
    private let diskQueue: WorkQueue

    /// What became of a request on the event loop.
    enum Outcome {
        case done(ByteBuffer, failed: Bool)
        /// The reply is due once the log has what was done.
        case logged(Answer)
        /// The rest needs the disk, and the request, which may have moved in memory since.
        /// `replyBytes` are held meanwhile.
        case blocks(replyBytes: Int, @Sendable (Request) -> Answer)
    }

    /// A reply, whether it is an error, and when it may be sent.
    struct Answer: Sendable {
        var frame: ByteBuffer
        var failed: Bool
        fileprivate var commit = Commit.done

        /// Whether it may be sent now.
        var isDue: Bool { commit.isDone }

        /// Calls `body` once it may be sent, with nil, or with why the log cannot be written.
        func whenDue(_ body: @escaping @Sendable (WireError?) -> Void) {
            commit.whenDone { body($0.map { WireError($0) }) }
        }
    }

    init(
        store: any ReadableStore, options: ServerOptions, statistics: RequestStatistics,
        memory: RequestMemory, diskQueue: WorkQueue
    ) {
        self.store = store
        writable = store as? Store
        limits = Limits(
            frameBytesMax: options.frameBytesMax, idsMax: options.idsMax,
            requestsInFlightMax: options.requestsInFlightMax)
        self.statistics = statistics
        self.memory = memory
        self.diskQueue = diskQueue
    }

    var capabilities: Capabilities {
        var capabilities = Capabilities.all
        if store.isReadOnly { capabilities.remove(.writes) }
        // A packed file has no tiers.
        if writable == nil { capabilities.remove(.prefetch) }
        return capabilities
    }

    /// For the announcements of one connection; nil where there can be none.
    func announcer() -> Announcer? { writable?.announcer() }

    /// Throws `readOnly` for a write on a connection that was not granted any.
    func check(_ request: Request, granted: Capabilities) throws(WireError) {
        if request.needsWriting, !granted.contains(.writes) {
            throw Self.onlyReads
        }
    }

    private static let onlyReads = WireError(.readOnly, "this connection only reads")

    /// Whether in this table a write of one id may change the row of another.
    func idsShareRows(inTable number: UInt32) -> Bool {
        store.readableTable(number: number)?.schema.scheme.idsShareRows ?? false
    }

    /// Answers a request from memory, or says what is left to do on a thread that may block. What
    /// a large reply takes is reserved from `room` first, unless it goes to memory that is shared.
    func start(
        _ request: Request, _ header: FrameHeader, granted: Capabilities,
        _ announcer: Announcer?, _ sharing: ConnectionSharing, _ allocator: ByteBufferAllocator,
        _ room: inout ConnectionMemory
    ) -> Outcome {
        let reply = Reply(to: header, allocator: allocator)
        do throws(WireError) {
            switch request {
            case .ping(let payload): return .done(reply.echo(payload), failed: false)
            case .pull(let table, let ids, let create, let delivery):
                return try pull(
                    try self.table(table), ids, create, delivery, sharing, reply, &room)
            case .push(let table, let dimension, let ids, let gradients):
                return try write(try writableTable(table), dimension, ids, gradients, .push, reply)
            case .assign(let table, let dimension, let ids, let rows):
                return try write(try writableTable(table), dimension, ids, rows, .assign, reply)
            case .pool(let table, let bags, let create, let delivery):
                return try pool(
                    try self.table(table), bags, create, delivery, sharing, reply, &room)
            case .openTable(let name):
                let table = try translating { () throws(StoreError) in
                    try store.readableTable(named: name)
                }
                return .done(reply.schema(.init(table.schema), table: table.number), failed: false)
            case .count(let table):
                return .done(reply.count(UInt64(try self.table(table).count)), failed: false)
            case .listTables:
                let tables = store.readableTables.map {
                    TableListing(number: $0.number, name: $0.name, schema: .init($0.schema))
                }
                return .done(try fitting(reply.tables(tables)), failed: false)
            case .prefetch(let table, let ids):
                return try prefetch(try self.table(table), ids, announcer, reply)
            case .createTable, .dropTable, .delete, .shrink, .admit, .stats, .checkpoint:
                let mayWrite = granted.contains(.writes)
                return .blocks(replyBytes: 0) { answer($0, mayWrite: mayWrite, reply) }
            case .share(let byteCount):
                return .blocks(replyBytes: 0) { _ in
                    answer(reply) { () throws(WireError) in
                        reply.shared(try sharing.share(byteCount, of: memory))
                    }
                }
            }
        } catch {
            return .done(refusal(error, reply).frame, failed: true)
        }
    }

    func refusal(_ error: WireError, _ header: FrameHeader, _ allocator: ByteBufferAllocator)
        -> Answer
    {
        refusal(error, Reply(to: header, allocator: allocator))
    }

    private func refusal(_ error: WireError, _ reply: Reply) -> Answer {
        if error.code == .overloaded { statistics.countOverloaded() }
        return Answer(frame: reply.error(error), failed: true)
    }

    private func table(_ number: UInt32) throws(WireError) -> any ReadableTable {
        guard let table = store.readableTable(number: number) else {
            throw Self.unknownTable(number)
        }
        return table
    }

    private func writableTable(_ number: UInt32) throws(WireError) -> Table {
        guard let table = try writableStore().table(number: number) else {
            throw Self.unknownTable(number)
        }
        return table
    }

    private func writableStore() throws(WireError) -> Store {
        guard let writable else { throw WireError(StoreError.readOnly) }
        return writable
    }

    private static func unknownTable(_ number: UInt32) -> WireError {
        WireError(.unknownTable, "no table has the number \(number)")
    }

    // MARK: rows

    private func pull(
        _ table: any ReadableTable, _ ids: WireIDs, _ create: Bool, _ delivery: RowDelivery,
        _ sharing: ConnectionSharing, _ reply: Reply, _ room: inout ConnectionMemory
    ) throws(WireError) -> Outcome {
        let layout = RowsLayout(
            rows: ids.count, dimension: table.schema.dimension, format: delivery.format,
            hasFound: !create)
        try check(layout)
        let replyBytes = delivery.place == nil ? layout.byteCount : 0
        try room.reserve(Int(reply.request.bodyBytes) + replyBytes)
        let rows = try PulledRows(reply, layout, at: delivery.place, in: sharing)
        let missing = try translating { () throws(StoreError) in
            try ids.withBytes { (bytes) throws(StoreError) in
                try rows.withOutput { (output, found) throws(StoreError) in
                    try table.pullHot(bytes, create: create, into: output, found: found)
                }
            }
        }
        statistics.count(rows: ids.count, of: .pull)
        if missing.isEmpty { return .done(rows.frame, failed: false) }
        return .blocks(replyBytes: replyBytes + 4 * missing.count) { request in
            answer(reply) { () throws(StoreError) in
                try request.withIDs { (bytes) throws(StoreError) in
                    try rows.withOutput { (output, found) throws(StoreError) in
                        try table.pullCold(
                            bytes, missing: missing, create: create, into: output, found: found)
                    }
                }
                return rows.frame
            }
        }
    }

    private func prefetch(
        _ table: any ReadableTable, _ ids: WireIDs, _ announcer: Announcer?, _ reply: Reply
    ) throws(WireError) -> Outcome {
        guard let table = table as? Table, let announcer else {
            throw WireError(.unsupported, "the rows of a packed file are in no tier")
        }
        statistics.count(rows: ids.count, of: .prefetch)
        let prefetch = ids.withBytes { table.prefetchHot($0, by: announcer) }
        if prefetch.isComplete { return .done(reply.count(UInt64(prefetch.held)), failed: false) }
        return .blocks(replyBytes: prefetch.byteCount) { _ in
            answer(reply) { () throws(StoreError) in
                reply.count(UInt64(try table.prefetchCold(prefetch)))
            }
        }
    }

    private func check(_ layout: RowsLayout) throws(WireError) {
        try check(replyBytes: layout.byteCount)
    }

    private func check(replyBytes: Int) throws(WireError) {
        guard replyBytes <= limits.frameBytesMax else {
            throw WireError(
                .tooLarge,
                "the reply would have \(replyBytes) bytes; the most is \(limits.frameBytesMax)")
        }
    }

    /// The reply unless it is longer than the limit.
    private func fitting(_ frame: ByteBuffer) throws(WireError) -> ByteBuffer {
        try check(replyBytes: frame.readableBytes - FrameHeader.byteCount)
        return frame
    }

    private func write(
        _ table: Table, _ dimension: Int, _ ids: WireIDs, _ values: WireFloats,
        _ operation: EmbeddingWire.Operation, _ reply: Reply
    ) throws(WireError) -> Outcome {
        guard dimension == table.schema.dimension else {
            throw WireError(
                StoreError.dimensionMismatch(expected: table.schema.dimension, got: dimension))
        }
        let commit = try translating { () throws(StoreError) in
            try ids.withBytes { (ids) throws(StoreError) in
                try values.withFloats { (values) throws(StoreError) in
                    operation == .push
                        ? try table.pushHot(ids, gradients: values)
                        : try table.assignHot(ids, values: values)
                }
            }
        }
        statistics.count(rows: ids.count, of: operation)
        if let commit {
            return .logged(Answer(frame: reply.empty(), failed: false, commit: commit))
        }
        return .blocks(replyBytes: 0) { request in
            var commit = Commit.done
            var answer = answer(reply) { () throws(StoreError) in
                commit = try request.withRows { (ids, values) throws(StoreError) in
                    operation == .push
                        ? try table.pushCold(ids, gradients: values)
                        : try table.assignCold(ids, values: values)
                }
                return reply.empty()
            }
            answer.commit = commit
            return answer
        }
    }

    private func pool(
        _ table: any ReadableTable, _ wire: EmbeddingWire.Bags, _ create: Bool,
        _ delivery: RowDelivery, _ sharing: ConnectionSharing, _ reply: Reply,
        _ room: inout ConnectionMemory
    ) throws(WireError) -> Outcome {
        let layout = RowsLayout(
            rows: wire.offsets.count, dimension: table.schema.dimension, format: delivery.format,
            hasFound: false)
        try check(layout)
        // Its factors are below 2^32 and 2^12.
        let gatheredBytes = 4 * wire.ids.count * table.schema.dimension
        let replyBytes = delivery.place == nil ? layout.byteCount : 0
        try room.reserve(Int(reply.request.bodyBytes) + replyBytes + gatheredBytes)
        let (bags, gathered) = try translating { () throws(StoreError) in
            (
                try Bags(
                    offsets: wire.offsets.array, idCount: wire.ids.count, mode: .init(wire.mode),
                    weights: wire.weights?.array),
                try wire.ids.withBytes { (ids) throws(StoreError) in
                    try table.gatherHot(ids, create: create)
                }
            )
        }
        statistics.count(rows: wire.ids.count, of: .pool)
        let rows = try PulledRows(reply, layout, at: delivery.place, in: sharing)
        if gathered.isComplete {
            rows.withOutput { output, _ in table.combine(gathered, bags, into: output) }
            return .done(rows.frame, failed: false)
        }
        return .blocks(replyBytes: replyBytes + gatheredBytes) { request in
            answer(reply) { () throws(StoreError) in
                try request.withIDs { (ids) throws(StoreError) in
                    try table.gatherCold(ids, create: create, gathered)
                }
                rows.withOutput { output, _ in table.combine(gathered, bags, into: output) }
                return rows.frame
            }
        }
    }

    // MARK: the rest, on a thread that may block

    private func answer(_ request: Request, mayWrite: Bool, _ reply: Reply) -> Answer {
        answer(reply) { () throws(WireError) in
            switch request {
            case .createTable(let name, let schema, let ifExists):
                let schema = TableSchema(wire: schema)
                let store = try writableStore()
                do throws(StoreError) {
                    let table = try store.createTable(
                        named: name, schema, opensExisting: ifExists == .open,
                        mayCreate: mayWrite)
                    return reply.schema(.init(table.schema), table: table.number)
                } catch {
                    throw error == .readOnly && !mayWrite ? Self.onlyReads : WireError(error)
                }
            case .dropTable(let number):
                let store = try writableStore()
                let table = try writableTable(number)
                try translating { () throws(StoreError) in try store.dropTable(table) }
                return reply.empty()
            case .delete(let number, let ids):
                let table = try writableTable(number)
                let deleted = try translating { () throws(StoreError) in
                    try ids.withBytes { (ids) throws(StoreError) in
                        let (count, commit) = try table.delete(ids)
                        try commit.wait()
                        return count
                    }
                }
                statistics.count(rows: ids.count, of: .delete)
                return reply.count(UInt64(deleted))
            case .admit(let number, let ids):
                let table = try writableTable(number)
                let admitted = try translating { () throws(StoreError) in
                    try table.admit(ids.array)
                }
                return reply.count(UInt64(admitted))
            case .shrink(let number, let minFrequency, let maxAge):
                let table = try writableTable(number)
                let removed = try translating { () throws(StoreError) in
                    try table.shrink(
                        minFrequency: Int(minFrequency), maxAge: maxAge == 0 ? nil : Int(maxAge))
                }
                return reply.count(UInt64(removed))
            case .stats(0):
                return try fitting(
                    reply.json(StatsReport(store.statistics(), statistics, memory, diskQueue).json))
            case .stats(let number):
                let table = try table(number)
                return try fitting(
                    reply.json(
                        StatsReport.Table(
                            table.statistics(), hotFields: table.fieldStatistics()
                        ).json))
            case .checkpoint(let path):
                let store = try writableStore()
                let started = NIODeadline.now()
                let copy = try translating { () throws(StoreError) in try store.checkpoint(to: path)
                }
                let seconds = Double((NIODeadline.now() - started).nanoseconds) / 1e9
                return reply.json(
                    CheckpointReport(
                        path: path, rows: copy.rows, bytes: copy.bytes, seconds: seconds
                    ).json)
            case .ping, .openTable, .listTables, .share, .pull, .push, .assign, .pool, .prefetch,
                .count:
                preconditionFailure("answered on the event loop")
            }
        }
    }

    private func answer(_ reply: Reply, _ body: () throws(StoreError) -> ByteBuffer) -> Answer {
        answer(reply) { () throws(WireError) in try translating(body) }
    }

    private func answer(_ reply: Reply, _ body: () throws(WireError) -> ByteBuffer) -> Answer {
        do throws(WireError) {
            return Answer(frame: try body(), failed: false)
        } catch {
            return refusal(error, reply)
        }
    }

    private func translating<Result>(
        _ body: () throws(StoreError) -> Result
    ) throws(WireError) -> Result {
        do throws(StoreError) { return try body() } catch { throw WireError(error) }
    }
}
