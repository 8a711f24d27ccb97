internal import CSSTFiles
internal import Foundation

/// A file of sorted rows, read by itself: what its database says does not matter.
@safe final class RowFile {
    let path: String
    private let file: OpaquePointer

    init(path: String) throws(StoreError) {
        var opened: OpaquePointer?
        try unsafe Self.check(path) { unsafe tc_sst_open(path, &opened) }
        // Without a message there is a file.
        unsafe file = unsafe opened!
        self.path = path
    }

    deinit { unsafe tc_sst_close(file) }

    /// The column family that it was written for, nil when it does not say.
    var family: String? {
        let name = unsafe String(cString: tc_sst_family(file))
        return name.isEmpty ? nil : name
    }

    /// Compares every block with its checksum, and what follows them with what it must be.
    func check() throws(StoreError) {
        try unsafe Self.check(path) { unsafe tc_sst_verify(file) }
        try checkFooter()
    }

    /// The footer has no checksum in this format. Where it says that blocks are, blocks were found;
    /// the rest is constant.
    ///
    /// | bytes | field |
    /// | --- | --- |
    /// | 1 | kind of checksum |
    /// | 40 | offset and size of two blocks, each a varint; then zeros |
    /// | 4 | version of the format |
    /// | 8 | magic number |
    private func checkFooter() throws(StoreError) {
        let footer: [UInt8]
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }  // nothing was written
            let end = try handle.seekToEnd()
            try handle.seek(toOffset: end - min(end, 53))
            footer = try Array(handle.readToEnd() ?? Data())
        } catch {
            throw .storageFailed("cannot read \(path): \(error.localizedDescription)")
        }
        let handles = footer.dropFirst(1).prefix(40)
        let varintsEnd = handles.indices.filter { handles[$0] < 0x80 }.prefix(4).last
        // No size is zero, so no last byte of one is.
        guard let varintsEnd, handles[varintsEnd] != 0,
            handles[(varintsEnd + 1)...].allSatisfy({ $0 == 0 }),
            footer.suffix(12).elementsEqual(Self.footerEnd)
        else {
            throw .damaged("\(path): the footer is not one that was written")
        }
    }

    /// Version 5, as `RocksDBOptions` has it, and the magic number of block-based files.
    private static let footerEnd: [UInt8] = [
        5, 0, 0, 0, 0xF7, 0xCF, 0xF4, 0x85, 0xB7, 0x41, 0xE2, 0x88,
    ]

    /// Tells why a database does not open.
    static func firstThatDoesNotOpen(in folder: String) -> (name: String, error: StoreError)? {
        let names = (try? ColdFiles.rowFileNames(in: folder)) ?? []  // no folder, no files
        for name in names {
            do throws(StoreError) {
                _ = try RowFile(path: "\(folder)/\(name)")
            } catch {
                return (name, error)
            }
        }
        return nil
    }

    /// Calls `body` with each key and value, in the file's order.
    func scan(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        // C calls back with an address, which is that of this while the visit lasts.
        var failure: StoreError?
        try unsafe withoutActuallyEscaping(body) { (body) throws(StoreError) in
            var visit: Visit = { key, value in
                do throws(StoreError) {
                    try unsafe body(key, value)
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
            try unsafe Self.check(path) {
                unsafe withUnsafeMutablePointer(to: &visit) {
                    unsafe tc_sst_visit(file, Self.visitor, $0)
                }
            }
        }
        if let failure { throw failure }
    }

    private typealias Visit = (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool

    private static let visitor: tc_sst_visitor = { context, key, keyBytes, value, valueBytes in
        // `scan` passes it.
        let visit = unsafe context!.assumingMemoryBound(to: Visit.self)
        return unsafe visit.pointee(
            UnsafeRawBufferPointer(start: key, count: keyBytes),
            UnsafeRawBufferPointer(start: value, count: valueBytes))
    }

    private static func check(
        _ path: String, _ body: () -> UnsafeMutablePointer<CChar>?
    ) throws(StoreError) {
        guard let message = unsafe body() else { return }
        defer { unsafe free(message) }
        throw unsafe StoreError(rocksDB: String(cString: message), path: path)
    }
}
