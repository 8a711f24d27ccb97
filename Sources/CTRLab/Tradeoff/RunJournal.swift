internal import Foundation

/// The finished runs of a comparison in a file, a line of JSON each, so that an interrupted
/// comparison goes on where it was.
public final class RunJournal {
    private let file: FileHandle
    private let path: String
    private(set) var records: [String: TradeoffRecord] = [:]

    /// Opens the file, or makes it. A last line that was cut off is taken away.
    ///
    /// Throws `cannotWrite`, and `badInput` for a file that is something else.
    public init(path: String) throws(CTRLabError) {
        self.path = path
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotWrite("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw .cannotWrite("\(path) is in use by another run")
        }
        do {
            let data = try file.readToEnd() ?? Data()
            let whole = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            for (number, line) in data[..<whole].split(separator: UInt8(ascii: "\n")).enumerated() {
                do {
                    let record = try JSONDecoder().decode(TradeoffRecord.self, from: Data(line))
                    records[record.key] = record
                } catch {
                    throw CTRLabError.badInput("\(path):\(number + 1): not a run of a comparison")
                }
            }
            // Something else than a journal is not cut.
            if whole == 0, !data.isEmpty, data.first != UInt8(ascii: "{") {
                throw CTRLabError.badInput("\(path):1: not a run of a comparison")
            }
            try file.truncate(atOffset: UInt64(whole))
            try file.seek(toOffset: UInt64(whole))
        } catch let error as CTRLabError {
            throw error
        } catch {
            throw .cannotWrite("cannot use \(path): \(error.localizedDescription)")
        }
    }

    /// Adds a finished run. Throws `cannotWrite`.
    func add(_ record: TradeoffRecord) throws(CTRLabError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            try file.write(contentsOf: try encoder.encode(record) + Data("\n".utf8))
        } catch {
            throw .cannotWrite("cannot write \(path): \(error.localizedDescription)")
        }
        records[record.key] = record
    }
}
