/// The lines of a text file, one after the other.
final class LineReader {
    let file: InputFile
    /// Of the line that was read last; the first is 1.
    private(set) var number = 0
    /// Bytes before the next line.
    var bytesRead: Int { offset - unread.count }

    private var buffer: [UInt8] = []
    private var unread = 0..<0
    private var offset = 0

    private static let bufferBytes = 1 << 18
    /// A longer line is taken for damage, not for data: 4096 floats and a word are shorter.
    private static let lineBytesMax = 1 << 20

    init(path: String) throws(RowFileError) {
        file = try InputFile(path: path)
    }

    /// Reads the next line into `line`, without its end (`\n` or `\r\n`); false after the last.
    func next(into line: inout [UInt8]) throws(RowFileError) -> Bool {
        line.removeAll(keepingCapacity: true)
        var isWhole = false
        while !isWhole {
            if let end = buffer[unread].firstIndex(of: UInt8(ascii: "\n")) {
                line.append(contentsOf: buffer[unread.lowerBound..<end])
                unread = end + 1..<unread.upperBound
                isWhole = true
            } else {
                line.append(contentsOf: buffer[unread])
                unread = 0..<0
                let count = min(Self.bufferBytes, file.byteCount - offset)
                if count == 0 {
                    if line.isEmpty { return false }
                    isWhole = true
                } else {
                    buffer = try file.read(count: count, at: offset)
                    offset += count
                    unread = 0..<count
                }
            }
            guard line.count <= Self.lineBytesMax else {
                throw .malformed(
                    file: file.path, place: "line \(number + 1)",
                    reason: "longer than \(Self.lineBytesMax >> 20) MiB")
            }
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        number += 1
        return true
    }

    /// That something is wrong with the line that was read last.
    func malformed(_ reason: String) -> RowFileError {
        .malformed(file: file.path, place: "line \(number)", reason: reason)
    }
}
