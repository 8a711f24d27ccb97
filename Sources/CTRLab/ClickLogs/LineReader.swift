internal import CZlib
internal import Foundation

/// The lines of a file, plain or gzip, one after the other; the file is never in memory as a whole.
final class LineReader {
    let path: String
    /// Of the line that was read last; the first is 1.
    private(set) var lineNumber = 0

    private let file: gzFile
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)
    /// What of the buffer has been read and not yet handed out.
    private var unread = 0..<0
    private var isAtEnd = false

    /// A longer line is taken for damage, not for data.
    static let lineBytesMax = 1 << 24

    init(path: String) throws(CTRLabError) {
        guard let file = gzopen(path, "rb") else {
            throw .unreadable("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        self.path = path
        self.file = file
        gzbuffer(file, 1 << 18)
    }

    deinit { gzclose_r(file) }

    /// Reads the next line into `line`, without its end (`\n` or `\r\n`); false after the last.
    ///
    /// Throws `unreadable`, and `badInput` for a gzip file that is damaged or cut short.
    func next(into line: inout [UInt8]) throws(CTRLabError) -> Bool {
        line.removeAll(keepingCapacity: true)
        while true {
            if let end = buffer[unread].firstIndex(of: UInt8(ascii: "\n")) {
                line.append(contentsOf: buffer[unread.lowerBound..<end])
                unread = end + 1..<unread.upperBound
                break
            }
            line.append(contentsOf: buffer[unread])
            guard line.count <= Self.lineBytesMax else {
                throw .badInput(
                    "\(path):\(lineNumber + 1): longer than \(Self.lineBytesMax >> 20) MiB")
            }
            try fill()
            if isAtEnd {
                if line.isEmpty { return false }
                break
            }
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        lineNumber += 1
        return true
    }

    private func fill() throws(CTRLabError) {
        unread = 0..<0
        guard !isAtEnd else { return }
        let count = buffer.withUnsafeMutableBytes {
            gzread(file, $0.baseAddress, UInt32($0.count))
        }
        if count > 0 {
            unread = 0..<Int(count)
            return
        }
        var status: Int32 = Z_OK
        let message = String(cString: gzerror(file, &status))
        switch status {
        case Z_OK, Z_STREAM_END: isAtEnd = true
        case Z_ERRNO: throw .unreadable("cannot read \(path): \(String(cString: strerror(errno)))")
        case Z_BUF_ERROR: throw .badInput("\(path): the gzip file is cut short")
        default: throw .badInput("\(path): the gzip file is damaged: \(message)")
        }
    }
}
