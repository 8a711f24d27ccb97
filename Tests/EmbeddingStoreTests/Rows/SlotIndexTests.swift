import Testing

@testable import EmbeddingStore

/// The index with its slab against a dictionary, under a hash that spreads and under ones that do
/// not.
@Suite struct SlotIndexTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func agreesWithADictionary(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        // Few distinct hashes make long runs of probing; all positions must still be found.
        let hashMask: UInt64 = seed == 4 ? 0x0F00 : .max
        let hasher = KeyHash(salt: seed)
        func hash(_ key: UInt64) -> UInt64 { hasher(key) & hashMask }

        var slab = try RowSlab(stride: 16, capacity: 100_000)
        var index = SlotIndex()
        var model: Set<UInt64> = []
        for step in 0..<(seed == 4 ? 3_000 : 60_000) {
            let key = UInt64.random(in: 0..<4000, using: &random)
            // Growing and shrinking by turns, so that removed slots and rebuilds both come up.
            let inserts = Int.random(in: 0..<10, using: &random) < (step / 5000 % 2 == 0 ? 7 : 3)
            let position = index.position(of: key, hash: hash(key), in: slab)
            #expect((position >= 0) == model.contains(key))
            if position >= 0 {
                #expect(slab.record(position).load(as: UInt64.self) == key)
            }
            if inserts, position < 0 {
                let new = slab.append()
                slab.record(new).storeBytes(of: key, as: UInt64.self)
                let base = slab.base
                index.insert(hash: hash(key), position: new) {
                    hash((base + $0 * 16).load(as: UInt64.self))
                }
                model.insert(key)
            } else if !inserts, position >= 0 {
                index.remove(key, hash: hash(key), in: slab)
                let last = slab.count - 1
                if position != last {
                    let lastKey = slab.record(last).load(as: UInt64.self)
                    index.move(lastKey, hash: hash(lastKey), to: position, in: slab)
                    slab.record(position).copyMemory(from: slab.record(last), byteCount: 16)
                }
                slab.removeLast()
                model.remove(key)
            }
        }
        #expect(index.liveCount == model.count && slab.count == model.count)
        for key in model { #expect(index.position(of: key, hash: hash(key), in: slab) >= 0) }
    }

    /// An index that has only grown takes 4.6 to 7 bytes a row, and its keys spread over all of it.
    @Test func bytesForARow() throws {
        let hash = KeyHash(salt: 5)
        var slab = try RowSlab(stride: 16, capacity: 200_000)
        var index = SlotIndex()
        for key in 0..<200_000 as Range<UInt64> {
            let position = slab.append()
            slab.record(position).storeBytes(of: key, as: UInt64.self)
            let base = slab.base
            index.insert(hash: hash(key), position: position) {
                hash((base + $0 * 16).load(as: UInt64.self))
            }
            if key > 1000 {
                let bytes = Double(index.bytes) / Double(key + 1)
                #expect(bytes >= 4.5 && bytes <= 7.1, "\(bytes) bytes a row at \(key + 1) rows")
            }
        }
        #expect(index.longestRun < 400, "keys gather in runs of \(index.longestRun)")
    }
}
