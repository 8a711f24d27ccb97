import CKernels
internal import Foundation

/// The files of the cold tier as a clean stop or a checkpoint left them.
///
/// RocksDB has a checksum over every block of rows, but what names those files (`CURRENT`, the
/// manifest) it reads as far as it understands it: one that lost its end is an older list of files,
/// and the rows of the files that it lacks would seem never to have been. So what is small is kept
/// here with a checksum, of what is large the end and the size, and all is compared before RocksDB
/// sees it. The end of a file of rows says where the rest is, and has bytes that no checksum of
/// RocksDB covers.
struct ColdFiles: Codable, Equatable {
    struct File: Codable, Equatable {
        var bytes: Int
        /// Of all bytes, or of the last ones in a file of rows.
        var checksum: UInt32
        /// The name of the table whose rows are in it, nil when it is no table's.
        var table: String?
    }

    /// By name.
    private(set) var files: [String: File] = [:]

    /// What is wrong with one file.
    struct Difference: Equatable {
        var file: String
        var table: String?
        var reason: String

        var description: String {
            let owner = table.map { " (table '\($0)')" } ?? ""
            return "\(file)\(owner) \(reason)"
        }
    }

    /// Reads the files of a folder that nobody writes; `tables` has the table of each file of rows.
    init(folder: String, tables: [String: String]) throws(StoreError) {
        // A tier that is not RocksDB has no folder.
        guard FileManager.default.fileExists(atPath: folder) else { return }
        for name in try Self.names(in: folder) where Self.isRowFile(name) || Self.isSmall(name) {
            let path = "\(folder)/\(name)"
            guard let bytes = Self.byteCount(path), let checksum = Self.checksum(path) else {
                throw .storageFailed("cannot read \(path)")
            }
            files[name] = File(bytes: bytes, checksum: checksum, table: tables[name])
        }
    }

    /// Every difference between the folder and what was written down, by name of file.
    func differences(in folder: String) -> [Difference] {
        files.keys.sorted().compactMap { name in
            difference(of: name, in: folder).map {
                Difference(file: "\(folder)/\(name)", table: files[name]?.table, reason: $0)
            }
        }
    }

    private func difference(of name: String, in folder: String) -> String? {
        guard let file = files[name] else { return nil }
        let path = "\(folder)/\(name)"
        guard let bytes = Self.byteCount(path) else { return "is missing" }
        if bytes != file.bytes { return "has \(bytes) bytes, not \(file.bytes)" }
        if Self.checksum(path) != file.checksum {
            return "does not have the checksum that the last clean stop wrote down"
        }
        return nil
    }

    // MARK: files

    /// The first file of rows that a message of RocksDB names.
    static func file(in message: String) -> String? {
        message.firstMatch(of: #/[0-9]+\.sst/#).map { String($0.output) }
    }

    /// Rows, sorted. One that begins with "ingest" was never taken over.
    static func isRowFile(_ name: String) -> Bool {
        name.hasSuffix(".sst") && !name.hasPrefix("ingest-")
    }

    /// What RocksDB needs beside rows. Its own messages (`LOG…`) and its lock say nothing of rows.
    private static func isSmall(_ name: String) -> Bool {
        name == "CURRENT" || name == "IDENTITY" || name.hasSuffix(".log")
            || name.hasPrefix("MANIFEST-") || name.hasPrefix("OPTIONS-")
    }

    static func rowFileNames(in folder: String) throws(StoreError) -> [String] {
        try names(in: folder).filter(isRowFile)
    }

    private static func names(in folder: String) throws(StoreError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw .storageFailed("cannot read \(folder): \(error.localizedDescription)")
        }
    }

    /// Nil for a file that is not there.
    static func byteCount(_ path: String) -> Int? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// Enough for the footer, and the blocks of properties and of the index of such blocks.
    private static let rowFileEndBytes = 4096

    private static func checksum(_ path: String) -> UInt32? {
        guard let file = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        else { return nil }
        let checked = isRowFile(path) ? file.suffix(rowFileEndBytes) : file
        return unsafe checked.withUnsafeBytes { unsafe tc_checksum($0.baseAddress, $0.count) }
    }
}
