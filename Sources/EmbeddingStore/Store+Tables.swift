internal import NIOConcurrencyHelpers

extension Store {
    /// The table with this name; throws `unknownTable`.
    public func table(named name: String) throws(StoreError) -> Table {
        guard let table = tablesBox.withLockedValue({ $0.byName[name] }) else {
            throw .unknownTable(name)
        }
        return table
    }

    /// The table with this number, nil when there is none.
    public func table(number: UInt32) -> Table? {
        tablesBox.withLockedValue { $0.byNumber[number] }
    }

    /// All tables, by name.
    public var tables: [Table] {
        tablesBox.withLockedValue { $0.byName.values.sorted { $0.name < $1.name } }
    }

    /// Makes a table. Blocks.
    ///
    /// Throws `tableExists` when there is one of that name, unless `opensExisting` and it has the
    /// same schema; `readOnly` when it would have to be made and not `mayCreate`; and
    /// `invalidSchema`, `unsupported` or `storageFailed`.
    public func createTable(
        named name: String, _ schema: TableSchema, opensExisting: Bool = false,
        mayCreate: Bool = true
    ) throws(StoreError) -> Table {
        try TableSchema.validate(name: name)
        try schema.validate()
        changes.lock()
        defer { changes.unlock() }
        let tables = tablesBox.withLockedValue { $0 }
        if tables.isClosed { throw .closed }
        if let existing = tables.byName[name] {
            guard opensExisting else { throw .tableExists("table '\(name)' exists") }
            guard existing.schema == schema else {
                throw .tableExists("table '\(name)' exists with another schema")
            }
            return existing
        }
        if isReadOnly || !mayCreate { throw .readOnly }
        guard tables.byNumber.count < Self.tablesMax else {
            throw .unsupported("a store has at most \(Self.tablesMax) tables")
        }
        try budget.check(tables.all.map(\.schema) + [schema])
        let number = tables.nextNumber
        // Taken even if what follows fails: a number is never given twice, or what is remembered of
        // one table would be another's.
        tablesBox.withLockedValue { $0.nextNumber = number + 1 }
        let rows = try RowStore(
            table: number, schema: schema, shardCount: shardCount, budget: budget, cold: cold,
            coldWrites: coldWrites, pinned: pinned, coldKeys: 0, pushes: 0, isReadOnly: false,
            clock: clock)
        if let log { rows.start(log) }
        let table = Table(name: name, rows: rows)
        try cold.createTable(number)
        let entry = CatalogEntry(number: number, name: name, schema: schema)
        do throws(StoreError) {
            try cold.putCatalog([
                entry.record: entry.bytes,
                CatalogEntry.nextNumberRecord: CatalogEntry.bytes(nextNumber: number + 1),
            ])
        } catch {
            // Should that fail too, it goes when the store is opened the next time.
            try? cold.dropTable(number)
            throw error
        }
        tablesBox.withLockedValue {
            $0.byNumber[number] = table
            $0.byName[name] = table
        }
        return table
    }

    /// Drops a table and its rows. Requests that already have it finish. Blocks.
    public func dropTable(_ table: Table) throws(StoreError) {
        changes.lock()
        defer { changes.unlock() }
        if isReadOnly { throw .readOnly }
        guard tablesBox.withLockedValue({ $0.byNumber[table.number] }) != nil else {
            throw .unknownTable(table.name)
        }
        coldWrites.lock()
        defer { coldWrites.unlock() }
        try cold.putCatalog([CatalogEntry.record(table.number): nil])
        tablesBox.withLockedValue {
            $0.byNumber[table.number] = nil
            $0.byName[table.name] = nil
        }
        budget.announcements.end(table: table.rows)
        try cold.dropTable(table.number)
    }

    /// Somebody who will say which rows of which tables are wanted soon.
    public func announcer() -> Announcer { Announcer(budget.announcements) }
}
