internal import EmbeddingWire
internal import NIOCore

/// A request that has been read and not yet answered; belongs to its connection's event loop.
final class PendingRequest: @unchecked Sendable {
    // Passed through the disk threads, but touched on the event loop only.
    let request: Request
    let header: FrameHeader
    let requestBytes: Int
    let started: NIODeadline
    let scope: Scope

    /// Bytes accounted for while it waits; nil when it does not.
    var heldBytes: Int?
    /// Earlier writes that it waits for.
    var waitsFor = 0
    /// Later requests that wait for this write.
    var followers: [PendingRequest] = []
    private var idSet: Set<UInt64>?

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
        requestBytes = FrameHeader.byteCount + frame.body.readableBytes
        self.started = started
        scope =
            switch request {
            case .pull(let table, let ids, _, _), .delete(let table, let ids):
                .ids(table: table, ids)
            case .push(let table, _, let ids, _), .assign(let table, _, let ids, _):
                .ids(table: table, ids)
            case .pool(let table, let bags, _, _): .ids(table: table, bags.ids)
            case .count(let table), .dropTable(let table): .table(table)
            case .stats(let table): table == 0 ? .everything : .table(table)
            case .checkpoint: .everything
            case .ping, .createTable, .openTable, .listTables: .nothing
            }
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
