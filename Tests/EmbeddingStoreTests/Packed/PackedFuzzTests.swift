import Foundation
import Fuzzing
import Testing

@testable import EmbeddingStore

/// Mutated and truncated packed files: each is read, or refused as damaged.
@Suite struct PackedFuzzTests {
    private let fixture: PackedFixture
    private let ids: [UInt64]
    private let sound: [UInt8]

    init() throws {
        fixture = try PackedFixture()
        ids = fixture.ids(300)
        // Half of the rows are zeros, so that some blocks are compressed.
        let values = (0..<300 * 4).map { $0 < 600 ? Float($0) : 0 }
        _ = try fixture.pack(
            dimension: 4, ids, values, frequencies: { $0 < 20 ? 9 : 1 })
        sound = Array(try Data(contentsOf: URL(fileURLWithPath: fixture.file)))
    }

    /// Makes the checksums of head and description true again, so that what they protect is read.
    private func repair(_ input: inout [UInt8]) {
        guard input.count >= PackedHead.byteCount else { return }
        func number(_ at: Int) -> Int {
            Int(
                truncatingIfNeeded: input[at..<at + 8].reversed().reduce(UInt64(0)) {
                    $0 << 8 | UInt64($1)
                })
        }
        func put(_ checksum: UInt32, at offset: Int) {
            for byte in 0..<4 {
                input[offset + byte] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * byte))
            }
        }
        for byte in 0..<8 {
            input[32 + byte] = UInt8(truncatingIfNeeded: input.count >> (8 * byte))
        }
        let offset = number(16)
        let length = number(24)
        if offset >= 0, length >= 0, offset <= input.count - min(length, input.count) {
            put(CRC32.of(Array(input[offset..<min(offset + length, input.count)])), at: 40)
        }
        put(CRC32.of(Array(input[..<44])), at: 44)
    }

    /// Whether the file is accepted and all that it has can be read.
    private func read(_ input: [UInt8], verifies: Bool) throws -> Bool {
        let path = fixture.file + "-input"
        try Data(input).write(to: URL(fileURLWithPath: path))
        do {
            let store = try PackedStore(path: path, verifies: verifies)
            for table in store.tables { _ = try table.read(ids + [0, 1, .max]) }
            return true
        } catch let error as StoreError {
            switch error {
            case .damaged, .unsupported: return false
            default: throw Broken("refused with \(error)")
            }
        }
    }

    @Test func bytes() throws {
        try FuzzRun("packed", seeds: [sound], cases: 4000).run(repair: repair) { input in
            try read(input, verifies: false)
        }
    }

    /// The numbers of the description alone.
    @Test func descriptions() throws {
        let head = try PackedHead(MappedFile(path: fixture.file))
        let json = Array(sound[head.descriptionOffset...])
        try FuzzRun("packed-description", seeds: [json], cases: 4000).run(isText: true) { json in
            var input = sound[..<head.descriptionOffset] + json
            var changed = head
            changed.descriptionLength = json.count
            changed.fileLength = input.count
            changed.descriptionChecksum = CRC32.of(json)
            input.replaceSubrange(0..<PackedHead.byteCount, with: changed.bytes)
            return try read(Array(input), verifies: false)
        }
    }

    @Test func everyTruncation() throws {
        for count in stride(from: 0, to: sound.count, by: 61) {
            #expect(try !read(Array(sound[..<count]), verifies: true), "\(count) bytes")
        }
        #expect(try read(sound, verifies: true))
    }

    /// A byte that is wrong anywhere but in padding is noticed when the file is opened.
    @Test func everyByteIsChecked() throws {
        let description = try JSONDecoder().decode(
            PackedDescription.self,
            from: Data(sound[try PackedHead(MappedFile(path: fixture.file)).descriptionOffset...]))
        let table = description.tables[0]
        let sections = [table.frequent, table.rest].flatMap {
            [$0.buckets, $0.keys, $0.data, $0.blocks].compactMap(\.self)
        }
        for section in sections where section.length > 0 {
            var input = sound
            input[section.offset + section.length / 2] ^= 1
            #expect(try !read(input, verifies: true), "byte \(section.offset)")
        }
    }
}
