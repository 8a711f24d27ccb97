internal import Foundation

/// The work of a `Verification`: one step for each kind of file, in the order in which one explains
/// the next.
struct Verifier {
    private(set) var filesRead = 0
    private(set) var bytesRead = 0
    /// By number.
    private(set) var tables: [UInt32: Verification.TableSummary] = [:]
    private(set) var damage: [Verification.Damage] = []

    private let directory: DataDirectory
    private let progress: Verification.Progress
    private let bytesTotal: Int
    /// Bytes of `bytesTotal` that are done.
    private var bytesDone = 0

    /// Nil when `STORE` cannot be read.
    private var state: DataDirectory.State?
    /// Nil when RocksDB does not open: then files are read by themselves.
    private var cold: RocksDBColdTier?
    private var openFailure: StoreError?
    private var entries: [UInt32: CatalogEntry] = [:]

    init(path: String, progress: @escaping Verification.Progress) throws(StoreError) {
        directory = try DataDirectory(path: path, readOnly: true)
        self.progress = progress
        bytesTotal = Self.bytesToRead(path)
    }

    /// Every file once, and those of rows once more.
    private static func bytesToRead(_ path: String) -> Int {
        guard let names = FileManager.default.enumerator(atPath: path) else { return 0 }
        var bytes = 0
        for case let name as String in names {
            guard names.fileAttributes?[.type] as? FileAttributeType == .typeRegular else {
                continue
            }
            let size = (names.fileAttributes?[.size] as? NSNumber)?.intValue ?? 0
            bytes += name.hasSuffix(".sst") ? 2 * size : size
        }
        return bytes
    }

    mutating func run() {
        checkState()
        checkLog()
        checkFilesAtLastStop()
        openCold()
        readCatalog()
        checkRowFiles()
        countRows()
        explainOpenFailure()
        progress(bytesTotal, bytesTotal)
        cold?.close()
    }

    // MARK: steps

    /// `STORE`.
    private mutating func checkState() {
        let file = "STORE"
        do throws(StoreError) {
            state = try directory.readState()
        } catch {
            report(file: file, error)
        }
        didRead(bytes: ColdFiles.byteCount("\(directory.path)/\(file)") ?? 0)
    }

    /// The write-ahead log, as a start would read it: what it would replay is sound, and none is
    /// missing. An end that was being written when the store died is no damage.
    private mutating func checkLog() {
        // Without the state nobody knows where the log begins.
        if let state {
            let log = Recovery(
                folder: directory.logPath, acceptsDamage: false, changesNothing: true
            ) { _, _ in }
            do throws(StoreError) {
                _ = try log.run(
                    first: state.logSegment ?? 1, isExpected: state.hasLog == true
                ) { _, _ in }
            } catch {
                let name = "\(error)".firstMatch(of: #/log\/[0-9]+\.log/#)
                report(file: name.map { String($0.output) } ?? "log", error)
            }
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory.logPath)) ?? []
        where LogSegment.number(fileName: name) != nil {
            didRead(bytes: ColdFiles.byteCount("\(directory.logPath)/\(name)") ?? 0)
        }
    }

    /// What a clean stop, or a checkpoint, has written down of the files in `cold`.
    private mutating func checkFilesAtLastStop() {
        guard let state, state.isClean, let files = state.coldFiles else { return }
        for difference in files.differences(in: directory.coldPath) {
            report(
                file: relative(difference.file), table: difference.table,
                reason: difference.reason)
        }
        // Files of rows come in a later step.
        for name in files.files.keys where !ColdFiles.isRowFile(name) {
            if let bytes = ColdFiles.byteCount("\(directory.coldPath)/\(name)") {
                didRead(bytes: bytes)
            }
        }
    }

    private mutating func openCold() {
        // A list of files that is not the one that was written may leave some out.
        let listsAreSound = !damage.contains {
            $0.file.hasPrefix("cold/MANIFEST-") || $0.file == "cold/CURRENT"
        }
        guard listsAreSound,
            state?.isEmpty != true || ColdFiles.byteCount(directory.coldPath) != nil
        else { return }
        do throws(StoreError) {
            cold = try RocksDBColdTier(
                path: directory.coldPath, readOnly: true, mayCreate: false)
        } catch {
            openFailure = error
        }
    }

    /// The names and schemas of tables; the files of the catalog tell when RocksDB does not.
    private mutating func readCatalog() {
        var records: [String: [UInt8]] = [:]
        do throws(StoreError) {
            if let cold {
                records = try cold.catalog()
            } else {
                for name in rowFileNames() where family(ofFile: name) == "default" {
                    try unsafe RowFile(path: "\(directory.coldPath)/\(name)").scan { key, value in
                        let record = unsafe String(decoding: key, as: UTF8.self)
                        records[record] = unsafe Array(value)
                    }
                }
            }
        } catch {
            // Its file is named when files of rows are checked.
            openFailure = openFailure ?? error
        }
        for (record, bytes) in records where record != CatalogEntry.nextNumberRecord {
            do throws(StoreError) {
                let entry = try CatalogEntry(record: record, bytes: bytes)
                entries[entry.number] = entry
                tables[entry.number] = .init(
                    name: entry.name, number: entry.number, rows: nil, files: 0, bytes: 0)
                if let cold, !cold.tables.contains(entry.number) {
                    report(
                        file: "cold", table: entry.name, reason: "has no place for the table's rows"
                    )
                }
            } catch {
                report(file: "cold", error)
            }
        }
    }

    /// Every block of every file of rows, and every row in it.
    private mutating func checkRowFiles() {
        var live: [String: UInt32?]?
        if let cold { live = try? cold.rowFiles() }  // it fails when closed only
        for name in live.map({ $0.keys.sorted() }) ?? rowFileNames() {
            let path = "\(directory.coldPath)/\(name)"
            let bytes = ColdFiles.byteCount(path) ?? 0
            let table: UInt32? =
                if let live { live[name] ?? nil } else { owner(ofFile: name) }
            if let table {
                tables[table]?.files += 1
                tables[table]?.bytes += bytes
            }
            do throws(StoreError) {
                let file = try RowFile(path: path)
                try file.check()
                try checkRows(of: file, table: table)
            } catch {
                report(file: "cold/\(name)", table: nameOfTable(table, file: name), error)
            }
            didRead(bytes: bytes)
        }
    }

    private func checkRows(of file: RowFile, table: UInt32?) throws(StoreError) {
        guard let entry = table.flatMap({ entries[$0] }) else { return }
        let layout = RowLayout(entry.schema)
        var last: UInt64?
        try unsafe file.scan { (key, value) throws(StoreError) in
            if unsafe KeyCount.isKey(key) {
                _ = try unsafe KeyCount(value)
                return
            }
            guard key.count == 8 else { throw .damaged("a key of \(key.count) bytes") }
            let key = unsafe key.loadUnaligned(as: UInt64.self).bigEndian
            if let last, last >= key { throw .damaged("row \(key) comes after row \(last)") }
            last = key
            let (parsed, _, _) = try unsafe ColdValue.parse(
                value, layout: layout, key: key, table: entry.number)
            guard unsafe parsed.hasFiniteScale(value) else {
                throw .damaged("row \(key): the scale is no number")
            }
        }
    }

    /// Reads all rows as a server does, files on top of each other.
    private mutating func countRows() {
        guard let cold else { return }
        for (number, entry) in entries {
            let bytes = tables[number]?.bytes ?? 0
            defer { didReadAgain(bytes: bytes) }
            // What is known to be damaged cannot be counted.
            if damage.contains(where: { $0.table == entry.name }) { continue }
            do throws(StoreError) {
                let rows = try cold.countKeys(table: number)
                tables[number]?.rows = rows
                if let state, state.isClean, let known = state.tables[String(number)],
                    known.coldKeys != rows
                {
                    report(
                        file: "cold", table: entry.name,
                        reason: "has \(rows) rows; the last clean stop counted \(known.coldKeys)")
                }
            } catch {
                let file = ColdFiles.file(in: "\(error)").map { "cold/\($0)" } ?? "cold"
                report(file: file, table: entry.name, error)
            }
        }
    }

    /// What RocksDB said when it did not open, unless it is known by now why.
    private mutating func explainOpenFailure() {
        guard let openFailure else { return }
        if let name = ColdFiles.file(in: "\(openFailure)") {
            let table = nameOfTable(owner(ofFile: name), file: name)
            report(file: "cold/\(name)", table: table, openFailure)
        } else if damage.isEmpty {
            report(file: "cold", openFailure)
        }
    }

    // MARK: what the steps share

    private mutating func report(file: String, table: String? = nil, _ error: StoreError) {
        let reason =
            switch error {
            case .damaged(let detail), .storageFailed(let detail): detail
            default: "\(error)"
            }
        report(file: file, table: table, reason: reason)
    }

    /// Adds a damage, unless it is known that the file is not sound.
    private mutating func report(file: String, table: String? = nil, reason: String) {
        if file != "cold", damage.contains(where: { $0.file == file }) { return }
        damage.append(.init(file: file, table: table, reason: reason))
    }

    private mutating func didRead(bytes: Int) {
        filesRead += 1
        bytesRead += bytes
        didReadAgain(bytes: bytes)
    }

    private mutating func didReadAgain(bytes: Int) {
        bytesDone += bytes
        progress(min(bytesDone, bytesTotal), bytesTotal)
    }

    private func relative(_ path: String) -> String {
        path.hasPrefix(directory.path + "/")
            ? String(path.dropFirst(directory.path.count + 1)) : path
    }

    /// All that there are, whether or not the store needs them.
    private func rowFileNames() -> [String] {
        (try? ColdFiles.rowFileNames(in: directory.coldPath)) ?? []  // no folder, no files
    }

    private func family(ofFile name: String) -> String? {
        (try? RowFile(path: "\(directory.coldPath)/\(name)"))?.family  // reported elsewhere
    }

    /// The table of a file that RocksDB says nothing about.
    private func owner(ofFile name: String) -> UInt32? {
        if let table = state?.coldFiles?.files[name]?.table {
            return entries.values.first { $0.name == table }?.number
        }
        return family(ofFile: name).flatMap(RocksDBColdTier.table(ofFamily:))
    }

    private func nameOfTable(_ table: UInt32?, file: String) -> String? {
        state?.coldFiles?.files[file]?.table ?? table.map { entries[$0]?.name ?? "number \($0)" }
    }
}
