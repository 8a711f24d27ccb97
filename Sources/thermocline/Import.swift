internal import ArgumentParser
internal import EmbeddingClient
internal import EmbeddingServer
internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation
internal import RowFiles

/// `thermocline import`.
struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Reads rows from a file into a table, in place of those that it has of these ids.",
        discussion: """
            Into a data directory (--data) that no server has open, which is made if it does not \
            exist, or into a running server (--server). A table that is not there is made, with the \
            file's dimension and the options of table create. Where ids share rows, they are \
            assigned as a server assigns them. Optimizer state begins anew. \
            The whole file is checked before anything is written. A data directory then has all \
            rows or, if the command is interrupted, is as it was; a server gets the rows in \
            batches. Of rows with one id the last counts.
            """)

    @Argument(help: ArgumentHelp("The file to read; for npy a folder.", valueName: "FILE"))
    var input: String

    @Option(help: "safetensors, npy, word2vec or csv (default: what the file's name says).")
    var format: RowFileFormat?

    @Option(help: ArgumentHelp("The table's name.", valueName: "NAME"))
    var table: String

    @Option(help: ArgumentHelp("The folder of the store, without a server.", valueName: "DIR"))
    var data: String?

    @OptionGroup(title: "Server") var server: ServerChoice
    @OptionGroup(title: "A new table") var schema: SchemaOptions

    @Flag(help: "Ids of text are decimal numbers (csv: the default).")
    var numericIds = false

    @Flag(help: "Ids of text are strings, hashed as by the command id (word2vec: the default).")
    var stringIds = false

    @Option(
        name: .customLong("field"),
        help: ArgumentHelp(
            "The field of ids that are hashed; --field-bits says where it goes.",
            valueName: "number"))
    var fieldNumber: UInt32?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard !numericIds || !stringIds else {
            throw ValidationError("--numeric-ids and --string-ids exclude each other.")
        }
        guard data == nil || server.server == nil else {
            throw ValidationError("--data and --server exclude each other.")
        }
        guard fieldNumber == nil || field != nil else {
            throw ValidationError("--field comes with --field-bits, and fits into them.")
        }
    }

    func run() async throws {
        let started = ContinuousClock.now
        let format = try RowFileFormat.of(input, format)
        let file = RowFile(format: format, path: input, ids: ids(format))
        let (rows, dimension) = try file.check()
        if let asked = schema.rows.dimension, Int(asked) != dimension {
            throw Failure(.badData, "\(input): rows of dimension \(dimension), not \(asked)")
        }
        let newTable = schema.schema(dimension: UInt32(dimension))
        if let data {
            try file.write(
                to: table, of: OfflineSource.absolute(data),
                newTable: EmbeddingStore.TableSchema(wire: newTable))
        } else {
            try await server.withClient { client in
                try await file.assign(to: table, of: client, newTable: newTable)
            }
        }
        StandardError.clearProgress()
        let report = RowExchangeReport(
            path: input, table: table, format: format, rows: rows, dimension: dimension,
            since: started)
        print(json ? try JSONText.of(report) : report.text)
    }

    private var field: StringID.Field? {
        fieldNumber.flatMap { StringID.Field($0, bits: Int(schema.fieldBits)) }
    }

    private func ids(_ format: RowFileFormat) -> TextIDs {
        let areNumbers = numericIds || (format == .csv && !stringIds)
        return areNumbers ? .numbers : .strings(field)
    }
}

/// A file of rows on its way into a table.
private struct RowFile {
    let format: RowFileFormat
    let path: String
    let ids: TextIDs

    private static let batchRows = 4096

    private func open() throws -> any RowReader { try format.reader(path: path, ids: ids) }

    /// Reads all of it; returns rows and their dimension.
    func check() throws -> (rows: Int, dimension: Int) {
        let reader = try open()
        var rows = 0
        try read(reader, "checking") { rows += $0.ids.count }
        return (rows, reader.dimension)
    }

    private func read(
        _ reader: any RowReader, _ stage: String, _ body: (RowBatch) throws -> Void
    ) throws {
        var batch = RowBatch()
        var progress = OfflineProgress("import")
        while try reader.next(into: &batch, limit: Self.batchRows) {
            try body(batch)
            progress.show(stage, reader.bytesRead, of: reader.byteCount, unit: "bytes")
        }
    }

    private func check(_ dimension: Int, of table: String) throws {
        let found = try open().dimension
        guard found == dimension else {
            throw Failure(
                .badData,
                "\(path): rows of dimension \(found); those of table '\(table)' have \(dimension)")
        }
    }

    // MARK: without a server

    /// Makes a store with the rows, and puts it in the place of the one that is there.
    func write(to table: String, of data: String, newTable: EmbeddingStore.TableSchema) throws {
        guard FileManager.default.fileExists(atPath: data) else {
            let writer = try StoreWriter(destination: data)
            if let assign = try fill(writer, table, newTable, in: nil) {
                _ = try writer.finish(after: assign)
            } else {
                _ = try writer.finish()
            }
            return
        }
        let store = try OfflineStore(path: data)
        let replacement = try StoreReplacement(of: store)
        if let assign = try fill(replacement.writer, table, newTable, in: store) {
            try replacement.finish(after: assign)
        } else {
            try replacement.finish()
        }
    }

    /// Writes the rows where each id has one of its own. Elsewhere returns what assigns them, once the
    /// store can be opened: only the scheme knows what becomes of a row.
    private func fill(
        _ writer: StoreWriter, _ name: String, _ newTable: EmbeddingStore.TableSchema,
        in store: OfflineStore?
    ) throws -> ((Store) throws -> Void)? {
        let old = store?.tables.first { $0.name == name }
        let schema = old?.schema ?? newTable
        try check(schema.dimension, of: name)
        if case .deepHash = schema.scheme { throw Self.network(of: name) }
        guard schema.scheme == .full else {
            if old == nil { _ = try writer.createTable(named: name, schema) }
            return { store in
                let table = try store.table(named: name)
                try read(open(), "assigning") { try table.assign($0.ids, $0.values) }
            }
        }
        let rows =
            try old == nil
            ? writer.createTable(named: name, schema) : writer.openTable(named: name)
        let reader = try open()
        try read(reader, "writing") { batch in
            for (at, id) in batch.ids.enumerated() {
                let start = at * reader.dimension
                try rows.append(
                    key: id, values: Array(batch.values[start..<start + reader.dimension]))
            }
        }
        return nil
    }

    private static func network(of table: String) -> Failure {
        Failure(
            .configuration,
            "a network makes the rows of table '\(table)', and none can be put in their place; "
                + "train it with pushes, or import into a table of another scheme")
    }

    // MARK: into a server

    func assign(
        to name: String, of client: EmbeddingClient, newTable: EmbeddingWire.TableSchema
    ) async throws {
        let table: EmbeddingTable
        do {
            table = try await client.table(named: name)
        } catch let error as WireError where error.code == .unknownTable {
            if case .deepHash = newTable.scheme { throw Self.network(of: name) }
            table = try await client.createTable(name, schema: newTable, ifExists: .open)
        }
        try check(table.dimension, of: name)
        if case .deepHash = table.schema.scheme { throw Self.network(of: name) }
        let reader = try open()
        var batch = RowBatch()
        var progress = OfflineProgress("import")
        while try reader.next(into: &batch, limit: min(Self.batchRows, client.idsMax)) {
            try await table.assign(batch.ids, rows: batch.values)
            progress.show("assigning", reader.bytesRead, of: reader.byteCount, unit: "bytes")
        }
    }
}
