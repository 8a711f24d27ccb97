import Foundation
import Fuzzing
import RowFiles
import Testing

/// Mutated files of rows: each is read as rows, or refused.
@Suite struct RowFileFuzzTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func seed(_ format: RowFileFormat, _ element: RowElement) throws -> [UInt8] {
        let path = "\(folder.path)/seed-\(format)-\(element)"
        let writer = try format.writer(path: path, rowCount: 3, dimension: 2, element: element)
        try writer.write(RowBatch(ids: [0, 7, .max], values: [1, 2, 3, 4, -0.5, 6]))
        try writer.finish()
        let file = format == .npy ? path + "/rows.npy" : path
        return Array(try Data(contentsOf: URL(fileURLWithPath: file)))
    }

    private func readAll(_ format: RowFileFormat, _ path: String) throws -> Bool {
        do {
            let reader = try format.reader(path: path, ids: .numbers)
            var batch = RowBatch()
            while try reader.next(into: &batch, limit: 2) {
                guard batch.values.count == batch.ids.count * reader.dimension,
                    batch.values.allSatisfy(\.isFinite)
                else { throw Broken("rows that are none") }
            }
            return true
        } catch RowFileError.malformed {
            return false
        }
    }

    @Test(arguments: [RowFileFormat.safetensors, .word2vec, .csv])
    func files(_ format: RowFileFormat) throws {
        let path = "\(folder.path)/input"
        let seeds = [try seed(format, .float32), try seed(format, .float16)]
        try FuzzRun("rows-\(format)", seeds: seeds, cases: 4000).run(
            isText: format != .safetensors
        ) { input in
            try Data(input).write(to: URL(fileURLWithPath: path))
            return try readAll(format, path)
        }
    }

    @Test func pairs() throws {
        let seeds = [try seed(.npy, .float32), try seed(.npy, .float16)]
        let pair = "\(folder.path)/seed-npy-float32"
        try FuzzRun("rows-npy", seeds: seeds, cases: 4000).run { input in
            try Data(input).write(to: URL(fileURLWithPath: pair + "/rows.npy"))
            return try readAll(.npy, pair)
        }
    }
}
