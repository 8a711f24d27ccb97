internal import Foundation

/// A store, or checkpoint, that no server has open, as the offline tools read it: all of its rows,
/// and not a byte of it changed.
///
/// What was stopped in good order is read where it is. Of what was not, and so has a log, a private
/// copy is made, with files of rows linked and not copied where the file system allows, and the log
/// replayed there. The source stays locked against writers for as long as this exists.
public final class OfflineStore {
    /// The folder that was opened.
    public let path: String
    private let directory: DataDirectory
    /// The private copy, gone with this.
    private let copy: NewFolder?
    private let store: Store

    /// Opens the store in a folder. Blocks.
    ///
    /// - Parameters:
    ///   - path: the folder of a store or checkpoint, an absolute path.
    ///   - destination: what is going to be made, which must not exist; beside it a private copy is
    ///     made, if one is needed. Without it beside the store, or in the temporary folder where that
    ///     cannot be written to.
    ///   - progress: told how far the replay of the log is, in bytes.
    ///
    /// Throws `cannotCreate`, `inUse` when a process has it open for writing, `badDataDirectory` for a folder that is
    /// none, `damaged`, `storageFailed` or `storageFull`.
    public init(
        path: String, copyBeside destination: String? = nil,
        progress: (@Sendable (_ bytesDone: Int, _ bytesTotal: Int) -> Void)? = nil
    ) throws(StoreError) {
        self.path = path
        // Before anything that takes long.
        if let destination { try NewFolder.checkIsFree(destination) }
        directory = try DataDirectory(path: path, readOnly: true)
        let state = try directory.readState()
        var folder = path
        if state.hasLog == true {
            let copy = try Self.folderForCopy(of: path, beside: destination)
            try StoreFiles.copy(path, to: copy.path)
            try Store.fold(
                copy.path, memoryBytes: Self.memoryBytes,
                onEvent: { event in
                    if case .recovering(let done, let all) = event { progress?(done, all) }
                })
            folder = copy.path
            self.copy = copy
        } else {
            copy = nil
        }
        store = try Store(
            path: folder,
            options: .init(
                memoryBytes: Self.readingMemoryBytes, isReadOnly: true, shardCount: 1))
    }

    /// For replaying a log.
    private static let memoryBytes = 256 << 20
    /// No row is promoted, so only a table's counters and networks take any of it, up to half.
    private static let readingMemoryBytes = 4 << 30

    deinit { try? store.close() }  // nothing was written

    private static func folderForCopy(
        of source: String, beside destination: String?
    ) throws(StoreError) -> NewFolder {
        if let destination { return try NewFolder(temporaryBeside: destination) }
        do throws(StoreError) {
            return try NewFolder(temporaryBeside: source)
        } catch {
            let name = (source as NSString).lastPathComponent
            return try NewFolder(temporaryBeside: NSTemporaryDirectory() + name)
        }
    }

    /// The folder that rows are read from.
    var folder: String { store.path }

    /// The store's clock of frequencies.
    var epoch: UInt32 { store.budget.epoch }

    /// By table, how many rows were in memory at the last stop or checkpoint, as a hint says.
    var hotRowCounts: [UInt32: Int] { HotList.rowCounts(inFolder: folder) }

    /// All tables, by name.
    public var tables: [OfflineTable] {
        store.tables.map { OfflineTable($0, of: self, in: store) }
    }

    /// The table with this name; throws `unknownTable`.
    public func table(named name: String) throws(StoreError) -> OfflineTable {
        OfflineTable(try store.table(named: name), of: self, in: store)
    }
}
