/// Tables as they are read: a store, or a packed file.
public protocol ReadableStore: Sendable {
    /// Whether it takes no writes.
    var isReadOnly: Bool { get }
    /// All tables, by name.
    var readableTables: [any ReadableTable] { get }

    /// The table with this name; throws `unknownTable`.
    func readableTable(named name: String) throws(StoreError) -> any ReadableTable
    /// The table with this number, nil when there is none.
    func readableTable(number: UInt32) -> (any ReadableTable)?

    func statistics() -> StoreStatistics
}

extension Store: ReadableStore {
    public var readableTables: [any ReadableTable] { tables }

    public func readableTable(named name: String) throws(StoreError) -> any ReadableTable {
        try table(named: name)
    }

    public func readableTable(number: UInt32) -> (any ReadableTable)? { table(number: number) }
}
