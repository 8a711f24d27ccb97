internal import Foundation

/// Brings the rows of a table into the order of their hashes in bounded memory: first each into one
/// of many files by the high bits of its hash, then one file after the other into memory.
///
/// One thread at a time.
final class HashOrder {
    private let folder: NewFolder
    private let rowBytes: Int
    private let bits: Int
    private var parts: [Part] = []

    private struct Part {
        let file: FileHandle
        var buffer: [UInt8] = []
    }

    private static let headBytes = 10
    private static let bufferBytes = 1 << 16
    /// Bytes of a file, about: as much is in memory at a time.
    private static let partBytes = 16 << 20
    private static let bitsMax = 8

    /// - Parameters:
    ///   - rowCount: about how many rows will come.
    ///   - path: beside which the files are, for the time of the work.
    init(rowCount: Int, rowBytes: Int, beside path: String) throws(StoreError) {
        self.rowBytes = rowBytes
        let wanted = rowCount * (rowBytes + Self.headBytes) / Self.partBytes
        bits = min(Self.bitsMax, Int.bitWidth - wanted.leadingZeroBitCount)
        folder = try NewFolder(temporaryBeside: path)
        for number in 0..<1 << bits {
            let file = "\(folder.path)/\(number)"
            guard FileManager.default.createFile(atPath: file, contents: nil),
                let handle = FileHandle(forUpdatingAtPath: file)
            else { throw .file(file, "create", errno) }
            parts.append(Part(file: handle))
        }
    }

    func append(_ hash: UInt64, frequency: UInt16, _ row: [UInt8]) throws(StoreError) {
        precondition(row.count == rowBytes)
        let number = Int(hash >> UInt64(64 - bits))  // a smart shift: 0 for 64
        unsafe withUnsafeBytes(of: hash) { unsafe parts[number].buffer.append(contentsOf: $0) }
        unsafe withUnsafeBytes(of: frequency) {
            unsafe parts[number].buffer.append(contentsOf: $0)
        }
        parts[number].buffer.append(contentsOf: row)
        if parts[number].buffer.count >= Self.bufferBytes { try flush(number) }
    }

    private func flush(_ number: Int) throws(StoreError) {
        do {
            try parts[number].file.write(contentsOf: parts[number].buffer)
        } catch {
            throw .storageFailed("cannot write to \(folder.path): \(error.localizedDescription)")
        }
        parts[number].buffer.removeAll(keepingCapacity: true)
    }

    /// Calls `body` with hash, frequency and row of each, in ascending order of hash.
    func forEach(
        _ body: (UInt64, UInt16, ArraySlice<UInt8>) throws(StoreError) -> Void
    ) throws(StoreError) {
        let stride = Self.headBytes + rowBytes
        for number in parts.indices {
            try flush(number)
            let records: [UInt8]
            do {
                try parts[number].file.seek(toOffset: 0)
                records = try Array(parts[number].file.readToEnd() ?? Data())
                try parts[number].file.close()
            } catch {
                throw .storageFailed("cannot read \(folder.path): \(error.localizedDescription)")
            }
            var order = (0..<records.count / stride).map { record in
                let at = record * stride
                let hash = unsafe records.withUnsafeBytes {
                    unsafe $0.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                }
                return (hash: hash, at: at)
            }
            order.sort { $0.hash < $1.hash }
            for (hash, at) in order {
                let frequency = UInt16(records[at + 8]) | UInt16(records[at + 9]) << 8
                try body(hash, frequency, records[at + Self.headBytes..<at + stride])
            }
        }
    }
}
