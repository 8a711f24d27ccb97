internal import EmbeddingWire

extension Request {
    /// Whether it changes rows that are there, so that later requests must see it.
    var changesRows: Bool {
        switch self {
        case .push, .assign, .delete, .shrink, .admit, .dropTable: true
        case .ping, .createTable, .openTable, .listTables, .share, .pull, .pool, .prefetch, .count,
            .stats, .checkpoint:
            false
        }
    }

    /// Whether only a connection that may write may send it. (Whether `createTable` does is for the
    /// store to say: opening a table that is there is no write.)
    var needsWriting: Bool {
        switch self {
        case .pull(_, _, let create, _), .pool(_, _, let create, _): create
        // It writes to the server's disk, where the client says.
        case .checkpoint: true
        default: changesRows
        }
    }

    /// The ids that it names; none where it is about other things.
    var ids: WireIDs? {
        switch self {
        case .pull(_, let ids, _, _), .delete(_, let ids), .admit(_, let ids),
            .prefetch(_, let ids):
            ids
        case .push(_, _, let ids, _), .assign(_, _, let ids, _): ids
        case .pool(_, let bags, _, _): bags.ids
        case .ping, .createTable, .openTable, .listTables, .dropTable, .share, .count, .shrink,
            .stats, .checkpoint:
            nil
        }
    }

    /// Whether it reads or changes certain rows, rather than changing tables, telling how the store is
    /// or going through all of it, which may take long.
    var isAboutRows: Bool {
        switch self {
        case .pull, .push, .assign, .pool, .delete, .admit, .prefetch: true
        default: false
        }
    }
}
