internal import NIOCore

extension Request {
    /// The same request, with its ids and numbers in storage of their own and no longer in the
    /// buffer that they were read into.
    package var copied: Request {
        switch self {
        case .pull(let table, let ids, let create, let delivery):
            .pull(table: table, ids: ids.copied, create: create, delivery: delivery)
        case .push(let table, let dimension, let ids, let gradients):
            .push(
                table: table, dimension: dimension, ids: ids.copied, gradients: gradients.copied)
        case .assign(let table, let dimension, let ids, let rows):
            .assign(table: table, dimension: dimension, ids: ids.copied, rows: rows.copied)
        case .pool(let table, let bags, let create, let delivery):
            .pool(
                table: table,
                bags: Bags(
                    mode: bags.mode, ids: bags.ids.copied, offsets: bags.offsets.copied,
                    weights: bags.weights?.copied),
                create: create, delivery: delivery)
        case .delete(let table, let ids): .delete(table: table, ids: ids.copied)
        case .admit(let table, let ids): .admit(table: table, ids: ids.copied)
        case .prefetch(let table, let ids): .prefetch(table: table, ids: ids.copied)
        case .ping(let payload): .ping(payload: ByteBuffer(buffer: payload))
        case .createTable, .openTable, .listTables, .dropTable, .share, .count, .shrink, .stats,
            .checkpoint:
            self
        }
    }

    /// A push or assign of the same table that has no ids and no values left.
    package var withoutRows: Request {
        let (ids, values) = (WireIDs(ByteBuffer()), WireFloats(ByteBuffer()))
        return switch self {
        case .push(let table, let dimension, _, _):
            .push(table: table, dimension: dimension, ids: ids, gradients: values)
        case .assign(let table, let dimension, _, _):
            .assign(table: table, dimension: dimension, ids: ids, rows: values)
        default: self
        }
    }
}

extension WireArray {
    fileprivate var copied: Self { WireArray(ByteBuffer(buffer: bytes)) }
}
