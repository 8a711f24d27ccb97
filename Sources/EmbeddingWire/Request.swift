package import NIOCore

/// A request, read from a frame and found to follow the protocol.
///
/// Ids, gradients and rows are views on the frame, to be read in place. What the codec cannot
/// know is left to the server: whether a table has that number, its dimension, whether values are
/// finite, whether the reply would be too large, and whether the connection may write.
package enum Request: Sendable {
    case ping(payload: ByteBuffer)
    case createTable(name: String, schema: TableSchema, ifExists: IfExists)
    case openTable(name: String)
    case listTables
    case dropTable(table: UInt32)
    /// Makes memory for the rows of replies; with 0 bytes lets go of it.
    case share(byteCount: UInt64)
    case pull(table: UInt32, ids: WireIDs, create: Bool, delivery: RowDelivery)
    case push(table: UInt32, dimension: Int, ids: WireIDs, gradients: WireFloats)
    case assign(table: UInt32, dimension: Int, ids: WireIDs, rows: WireFloats)
    case pool(table: UInt32, bags: Bags, create: Bool, delivery: RowDelivery)
    case delete(table: UInt32, ids: WireIDs)
    case admit(table: UInt32, ids: WireIDs)
    case prefetch(table: UInt32, ids: WireIDs)
    case count(table: UInt32)
    /// Of rows used less often, or longer ago in seconds; 0 means not by that.
    case shrink(table: UInt32, minFrequency: UInt32, maxAge: UInt32)
    /// Of the whole server when `table` is 0.
    case stats(table: UInt32)
    case checkpoint(path: String)

    package static let pingBytesMax = 1024
    package static let pathBytesMax = 4096

    /// Reads a request.
    ///
    /// - Parameters:
    ///   - limits: of this server.
    ///   - granted: the capabilities of this connection.
    /// - Throws: the error to answer with. The connection stays usable.
    package init(
        _ frame: Frame, limits: Limits, granted: Capabilities
    ) throws(WireError) {
        let header = frame.header
        let (operation, format) = try Self.check(header, granted: granted)
        let table = header.table
        let create = header.options.create
        var body = BodyReader(frame.body, naming: operation.phrase)
        switch operation {
        case .ping:
            guard frame.body.readableBytes <= Self.pingBytesMax else {
                throw WireError(.malformed, "a ping has at most \(Self.pingBytesMax) bytes")
            }
            self = .ping(payload: frame.body)
        case .createTable:
            self = try body.createTable()
        case .openTable:
            self = .openTable(name: try body.tableName())
            try body.end()
        case .listTables:
            try body.end()
            self = .listTables
        case .dropTable:
            try body.end()
            self = .dropTable(table: table)
        case .share:
            self = .share(byteCount: try body.integer(as: UInt64.self))
            try body.end()
        case .pull:
            let delivery = try body.delivery(format, header.options)
            let ids = try body.onlyIDs(max: limits.idsMax)
            self = .pull(table: table, ids: ids, create: create, delivery: delivery)
        case .push:
            let (dimension, ids, gradients) = try body.idsAndRows(max: limits.idsMax)
            self = .push(table: table, dimension: dimension, ids: ids, gradients: gradients)
        case .assign:
            let (dimension, ids, rows) = try body.idsAndRows(max: limits.idsMax)
            self = .assign(table: table, dimension: dimension, ids: ids, rows: rows)
        case .pool:
            let delivery = try body.delivery(format, header.options)
            let bags = try body.bags(idsMax: limits.idsMax)
            self = .pool(table: table, bags: bags, create: create, delivery: delivery)
        case .delete:
            self = .delete(table: table, ids: try body.onlyIDs(max: limits.idsMax))
        case .admit:
            self = .admit(table: table, ids: try body.onlyIDs(max: limits.idsMax))
        case .prefetch:
            self = .prefetch(table: table, ids: try body.onlyIDs(max: limits.idsMax))
        case .count:
            try body.end()
            self = .count(table: table)
        case .shrink:
            let minFrequency = try body.integer(as: UInt32.self)
            let maxAge = try body.integer(as: UInt32.self)
            try body.end()
            self = .shrink(table: table, minFrequency: minFrequency, maxAge: maxAge)
        case .stats:
            try body.end()
            self = .stats(table: table)
        case .checkpoint:
            self = .checkpoint(path: try body.path())
        }
    }

    /// Checks everything in the header that does not need the body.
    private static func check(
        _ header: FrameHeader, granted: Capabilities
    ) throws(WireError) -> (Operation, RowFormat) {
        guard let operation = Operation(rawValue: header.operation) else {
            throw WireError(.unknownOperation, "there is no operation \(header.operation)")
        }
        guard let format = header.options.format,
            operation.returnsRows || header.options == .none
        else {
            throw WireError(
                .unknownOperation,
                "\(operation) has no options \(header.options.rawValue)")
        }
        guard granted.allow(format) else {
            throw WireError(.unsupported, "rows as \(format) were not agreed on in the handshake")
        }
        guard operation != .prefetch || granted.contains(.prefetch) else {
            throw WireError(.unsupported, "prefetch was not agreed on in the handshake")
        }
        guard
            operation != .share && !header.options.hasPlace || granted.contains(.sharedReplies)
        else {
            throw WireError(.unsupported, "shared memory was not agreed on in the handshake")
        }
        guard header.status == 0 else {
            throw WireError(.malformed, "a request of status \(header.status)")
        }
        guard header.table == 0 || operation.namesTable else {
            throw WireError(.malformed, "\(operation) is not about table \(header.table)")
        }
        guard header.table != 0 || !operation.namesTable || operation == .stats else {
            throw WireError(.unknownTable, "tables are numbered from 1")
        }
        return (operation, format)
    }
}

extension Operation {
    /// What to call a request of this kind within a sentence.
    fileprivate var phrase: String { "the \(self)" }
}

extension BodyReader {
    /// A number of ids, or of bags.
    mutating func idCount(max: Int) throws(WireError) -> Int {
        let count = Int(try integer(as: UInt32.self))
        guard count <= max else { throw tooManyIDs(count, max: max) }
        return count
    }

    /// Where rows go, if the options say that it is there.
    fileprivate mutating func delivery(
        _ format: RowFormat, _ options: FrameOptions
    ) throws(WireError) -> RowDelivery {
        RowDelivery(
            format: format, place: options.hasPlace ? try integer(as: UInt64.self) : nil)
    }

    /// A body of ids and nothing else.
    fileprivate mutating func onlyIDs(max: Int) throws(WireError) -> WireIDs {
        let (count, rest) = remainingBytes.quotientAndRemainder(dividingBy: 8)
        guard count <= max else { throw tooManyIDs(count, max: max) }
        guard rest == 0 else {
            throw WireError(.malformed, "\(remainingBytes) bytes are no whole number of ids")
        }
        return try array(of: UInt64.self, count: count)
    }

    /// The body of a push or assign.
    fileprivate mutating func idsAndRows(
        max: Int
    ) throws(WireError) -> (dimension: Int, ids: WireIDs, rows: WireFloats) {
        let count = try idCount(max: max)
        let dimension = Int(try integer(as: UInt32.self))
        let ids = try array(of: UInt64.self, count: count)
        // Both factors are below 2^32, so their product may not fit.
        let (valueCount, overflow) = count.multipliedReportingOverflow(by: dimension)
        guard !overflow else {
            throw WireError(.malformed, "\(count) rows of dimension \(dimension) fit in no frame")
        }
        let rows = try array(of: Float.self, count: valueCount)
        try end()
        return (dimension, ids, rows)
    }

    fileprivate mutating func createTable() throws(WireError) -> Request {
        let code = try integer(as: UInt8.self)
        try zeros(count: 3)
        guard let ifExists = IfExists(rawValue: code) else {
            throw WireError(.malformed, "there is no ifExists \(code)")
        }
        let name = try tableName()
        let schema = try schema()
        try end()
        return .createTable(name: name, schema: schema, ifExists: ifExists)
    }

    /// The rest of the body as an absolute path.
    fileprivate mutating func path() throws(WireError) -> String {
        let path = try string(bytes: remainingBytes)
        guard path.hasPrefix("/"), !path.utf8.contains(0),
            path.utf8.count <= Request.pathBytesMax
        else {
            throw WireError(
                .malformed,
                "no absolute path of at most \(Request.pathBytesMax) bytes: "
                    + path.debugDescription)
        }
        return path
    }

    private func tooManyIDs(_ count: Int, max: Int) -> WireError {
        WireError(.tooManyIds, "\(count) ids; the most in one request is \(max)")
    }
}
