internal import EmbeddingWire
internal import NIOCore

/// A request that has been read and not yet answered; belongs to its connection's event loop.
final class PendingRequest: @unchecked Sendable {
    // Passed through the disk threads, but touched on the event loop only.
    private(set) var request: Request
    let header: FrameHeader
    /// What it holds while it waits.
    private(set) var requestBytes: Int
    let started: NIODeadline

    /// Bytes accounted for while it waits; nil when it does not.
    var heldBytes: Int?
    /// Earlier writes that it waits for.
    var waitsFor = 0
    /// Later requests that wait for this write.
    var followers: [PendingRequest] = []
    private var idSet: Set<UInt64>?
    /// Whether it keeps a buffer alive that is much larger than it.
    private var isInLargeBuffer: Bool

    /// For a request of no ids: this object, its place in queues, the head of its reply.
    private static let bytesMin = 512
    /// An id in the set of those that later requests are compared with; it is made when the first
    /// comes, and counted for every write.
    private static let bytesPerWrittenID = 24

    /// What a request reads or writes.
    enum Scope {
        case nothing
        case ids(table: UInt32, WireIDs)
        case table(UInt32)
        case everything
    }

    init(_ request: Request, _ frame: Frame, started: NIODeadline) {
        self.request = request
        header = frame.header
        self.started = started
        let bodyBytes = frame.body.readableBytes
        let bufferBytes = frame.body.storageCapacity
        isInLargeBuffer = bodyBytes < bufferBytes / 4
        requestBytes =
            Self.bytesMin
            + (isInLargeBuffer
                ? bodyBytes : min(bufferBytes, bodyBytes + ReceiveBuffer.readBytesMax))
            + (request.changesRows ? Self.bytesPerWrittenID * (request.ids?.count ?? 0) : 0)
    }

    private var scope: Scope {
        switch request {
        case .pull(let table, let ids, _, _), .delete(let table, let ids),
            .admit(let table, let ids):
            .ids(table: table, ids)
        case .push(let table, _, let ids, _), .assign(let table, _, let ids, _):
            .ids(table: table, ids)
        case .pool(let table, let bags, _, _): .ids(table: table, bags.ids)
        case .count(let table), .shrink(let table, _, _), .dropTable(let table): .table(table)
        case .stats(let table): table == 0 ? .everything : .table(table)
        case .checkpoint: .everything
        case .ping, .createTable, .openTable, .listTables, .share: .nothing
        // What a write before it makes is in memory anyway.
        case .prefetch: .nothing
        }
    }

    /// The table that it is about; nil where it is about none, or all.
    var table: UInt32? {
        switch scope {
        case .ids(let table, _), .table(let table): table
        case .nothing, .everything: nil
        }
    }

    /// Moves a request that is going to wait out of a buffer that it would keep alive for little.
    func leaveLargeBuffer() {
        guard isInLargeBuffer else { return }
        isInLargeBuffer = false
        request = request.copied
    }

    /// Lets go of the ids and values of a write that has been applied; only its reply is waited for.
    func dropApplied() {
        isInLargeBuffer = false
        idSet = nil
        request = request.withoutRows
        requestBytes = Self.bytesMin
    }

    /// Whether this write touches what `other` reads or writes; without `idByID` one of the same
    /// table is taken to.
    func touches(_ other: PendingRequest, idByID: Bool) -> Bool {
        switch (scope, other.scope) {
        case (.nothing, _), (_, .nothing): return false
        case (.everything, _), (_, .everything): return true
        case (.table(let mine), .table(let its)), (.table(let mine), .ids(let its, _)),
            (.ids(let mine, _), .table(let its)):
            return mine == its
        case (.ids(let mine, let ids), .ids(let its, let itsIDs)):
            return mine == its && (!idByID || containsAny(of: itsIDs, mine: ids))
        }
    }

    private func containsAny(of others: WireIDs, mine: WireIDs) -> Bool {
        // Made when first asked: most writes are over before anything comes after them.
        let set = idSet ?? Set(mine.array)
        idSet = set
        return others.withUnsafeBytes { bytes in
            (0..<others.count).contains {
                set.contains(bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
            }
        }
    }
}
