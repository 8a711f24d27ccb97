import CKernels
internal import Foundation
internal import NIOConcurrencyHelpers

/// The folder that a store lives in, held against other processes for as long as this exists.
///
/// ```
/// LOCK     locked by the process that uses the store
/// STORE    JSON: the format, and what the last clean stop knew; on the last line a checksum
/// HOT      the keys that were in memory, as of the last stop or cut of the log
/// COUNTS   how often ids have been seen, where that decides what they get
/// log/     the write-ahead log
/// cold/    RocksDB
/// ```
final class DataDirectory: Sendable {
    let path: String
    /// -1 once released.
    private let lockFile: NIOLockedValueBox<Int32>

    /// 2: there may be a log. 3: schemas say more.
    static let format = 3

    var coldPath: String { path + "/cold" }
    var logPath: String { Self.logPath(path) }

    static func logPath(_ path: String) -> String { path + "/log" }

    /// What a store remembers of itself besides rows and schemas.
    struct State: Codable, Equatable {
        var format = DataDirectory.format
        /// Whether the cold tier is as `tables` says; if not, `coldKeys` has to be counted anew.
        var isClean = false
        /// The first segment of the log that is needed, and whether it must be there.
        var logSegment: UInt64?
        var hasLog: Bool?
        /// A replay of this log has moved rows to disk, where others may have been that were newer.
        var isRewritten: Bool?
        var epoch: UInt32 = 0
        var tables: [String: TableState] = [:]
        /// The files of the cold tier as of the last clean stop; they are others by now unless
        /// `isClean`, but no name is given twice.
        var coldFiles: ColdFiles?

        /// Whether it is of a store that never had a table and was not in use: there may be no cold
        /// tier yet.
        var isEmpty: Bool { isClean && tables.isEmpty }

        struct TableState: Codable, Equatable {
            var coldKeys: Int
            var pushes: Int
        }
    }

    /// Takes the folder, making it if it is not there (unless `readOnly`, which shares it with
    /// other readers and changes nothing).
    init(path: String, readOnly: Bool) throws(StoreError) {
        self.path = path
        if (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
            == .typeRegular
        {
            throw .badDataDirectory("\(path) is a file, not a folder")
        }
        if !readOnly {
            try Self.makeFolder(path)
            let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            // A stale socket of a server before this one is no reason to refuse.
            let foreign = entries.filter { !$0.hasSuffix(".sock") && !$0.hasPrefix("LOCK") }
            if !entries.contains("STORE"), entries.contains("cold") {
                throw .damaged("\(path)/STORE is missing")
            }
            if !foreign.isEmpty, !entries.contains("STORE") {
                throw .badDataDirectory("\(path) is not empty and not a Thermocline store")
            }
        } else if !FileManager.default.fileExists(atPath: path + "/STORE"),
            !FileManager.default.fileExists(atPath: path + "/cold")
        {
            throw .badDataDirectory("\(path) is not a Thermocline store")
        }
        let descriptor =
            readOnly
            ? unsafe open(path + "/LOCK", O_RDONLY | O_CLOEXEC)
            : unsafe open(path + "/LOCK", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        if descriptor < 0, readOnly, errno == ENOENT {
            // Made by a version that left it out, and never open; a reader leaves no trace.
            lockFile = NIOLockedValueBox(-1)
            return
        }
        guard descriptor >= 0 else {
            throw .cannotCreate(
                unsafe "cannot open \(path)/LOCK: \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, (readOnly ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 else {
            Glibc.close(descriptor)
            throw .inUse(path)
        }
        lockFile = NIOLockedValueBox(descriptor)
        // From here on the folder is known for a store, however far its making gets.
        if !readOnly, !FileManager.default.fileExists(atPath: path + "/STORE") {
            try writeState(State(isClean: true))
        }
    }

    deinit { release() }

    func release() {
        lockFile.withLockedValue {
            if $0 >= 0 { Glibc.close($0) }
            $0 = -1
        }
    }

    /// The state as it was last written.
    func readState() throws(StoreError) -> State { try Self.readState(inFolder: path) }

    static func readState(inFolder path: String) throws(StoreError) -> State {
        guard let data = FileManager.default.contents(atPath: path + "/STORE"),
            let end = data.dropLast().lastIndex(of: UInt8(ascii: "\n")),
            checksumLine(data[...end]).elementsEqual(data[(end + 1)...]),
            let state = try? JSONDecoder().decode(State.self, from: data[...end])
        else {
            throw .damaged("\(path)/STORE is not the description of a store")
        }
        guard state.format == format else {
            throw .badDataDirectory(
                "\(path) has format \(state.format); this version reads format \(format)")
        }
        return state
    }

    static func checksumLine(_ text: Data) -> [UInt8] {
        let checksum = unsafe text.withUnsafeBytes { unsafe tc_checksum($0.baseAddress, $0.count) }
        return Array("checksum \(String(checksum, radix: 16))\n".utf8)
    }

    func writeState(_ state: State) throws(StoreError) { try Self.write(state, inFolder: path) }

    static func write(_ state: State, inFolder path: String) throws(StoreError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        // Of values that have a text there is one.
        guard var text = try? encoder.encode(state) else {
            throw .storageFailed("cannot encode \(path)/STORE")
        }
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: checksumLine(text))
        let bytes = Array(text)
        try FileReplacement.write(path + "/STORE", synced: true) { (file) throws(StoreError) in
            try file.append(bytes)
        }
    }

    /// Makes the file that is locked, so that those who only read have one to lock too.
    static func makeLock(_ path: String) throws(StoreError) {
        let descriptor = unsafe open(path + "/LOCK", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .file(path + "/LOCK", "make", errno) }
        Glibc.close(descriptor)
    }

    /// Makes a folder, with those above it that are missing, so that they survive the machine.
    static func makeFolder(_ path: String) throws(StoreError) {
        var missing: [String] = []
        var folder = path
        while folder != "/", folder != "", !FileManager.default.fileExists(atPath: folder) {
            missing.append(folder)
            folder = (folder as NSString).deletingLastPathComponent
        }
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .cannotCreate("cannot create \(path): \(error.localizedDescription)")
        }
        for folder in missing {
            let parent = (folder as NSString).deletingLastPathComponent
            try syncFile(parent.isEmpty ? "." : parent)
        }
    }

    /// Makes a file, or the entries of a folder, survive the machine.
    static func syncFile(_ path: String) throws(StoreError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { Glibc.close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw .storageFailed(unsafe "cannot sync \(path): \(String(cString: strerror(errno)))")
        }
    }
}
