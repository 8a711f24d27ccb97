internal import Foundation

/// Which two shared rows stand for each id of a table, and how much the id counts: read many times in
/// the order in which it was written, from a file that is gone when this is.
@safe final class PairFile {
    struct Pair {
        var first: UInt32
        var second: UInt32
        var weight: Float
    }

    private let path: String
    private let descriptor: Int32
    private let block: UnsafeMutableBufferPointer<Pair>
    /// Pairs in `block` that are not in the file yet.
    private var gathered = 0
    private(set) var count = 0

    private static let blockPairs = 1 << 15

    init(inFolder folder: String) throws(StoreError) {
        path = "\(folder)/pairs-\(getpid())-\(UInt32.random(in: .min ... .max))"
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        unsafe block = .allocate(capacity: Self.blockPairs)
        guard descriptor >= 0 else { throw .file(path, "make", errno) }
        unsafe unlink(path)
    }

    deinit {
        if descriptor >= 0 { Glibc.close(descriptor) }
        unsafe block.deallocate()
    }

    func append(_ pair: Pair) throws(StoreError) {
        unsafe block[gathered] = pair
        gathered += 1
        count += 1
        if gathered == Self.blockPairs { try writeBlock() }
    }

    private func writeBlock() throws(StoreError) {
        let bytes = unsafe UnsafeRawBufferPointer(block.prefixOf(gathered))
        var done = 0
        while done < bytes.count {
            let written = unsafe write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .file(path, "write", errno) }
            done += written
        }
        gathered = 0
    }

    /// Calls `body` with all pairs, a block at a time.
    func forEachBlock(_ body: (UnsafeBufferPointer<Pair>) -> Void) throws(StoreError) {
        if gathered > 0 { try writeBlock() }
        var offset = 0
        let total = count * MemoryLayout<Pair>.stride
        while offset < total {
            let wanted = min(total - offset, Self.blockPairs * MemoryLayout<Pair>.stride)
            let bytes = unsafe UnsafeMutableRawBufferPointer(block)
            var filled = 0
            while filled < wanted {
                let read = unsafe pread(
                    descriptor, bytes.baseAddress! + filled, wanted - filled,
                    off_t(offset + filled))
                if read < 0, errno == EINTR { continue }
                guard read > 0 else { throw .file(path, "read", errno) }
                filled += read
            }
            unsafe body(block.prefixOf(wanted / MemoryLayout<Pair>.stride))
            offset += wanted
        }
    }
}

extension UnsafeMutableBufferPointer {
    fileprivate func prefixOf(_ count: Int) -> UnsafeBufferPointer<Element> {
        unsafe UnsafeBufferPointer(rebasing: UnsafeBufferPointer(self)[..<count])
    }
}
