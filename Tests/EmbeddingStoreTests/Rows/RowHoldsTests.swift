import Testing

@testable import EmbeddingStore

@Suite struct RowHoldsTests {
    /// Against lists of who holds a key, the oldest first. Few hashes, so that keys lie in each other's
    /// way and at the table's end.
    @Test(arguments: 0..<8 as Range<UInt64>, [1, 3, 60] as [UInt64])
    func asAModel(_ seed: UInt64, _ hashes: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var holds = RowHolds()
        var model: [UInt64: [UInt64]] = [:]
        func hash(_ key: UInt64) -> UInt64 { (key % hashes) &* 0x9E37_79B9_7F4A_7C15 | 15 }
        for round in 0..<3000 {
            let key = UInt64.random(in: 0..<40, using: &random)
            let announcement = UInt64.random(in: 0..<6, using: &random)
            // Now more and now fewer are added than end.
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<(round / 500 % 2 == 0 ? 6 : 3):
                let isHeld = holds.add(key, hash: hash(key), announcement)
                #expect(isHeld)
                model[key, default: []].append(announcement)
                model[key]!.sort()
            case 0..<8:
                let ended = holds.endOldest(key, hash: hash(key))
                #expect(ended == model[key]?.first)
                if model[key] != nil { model[key]!.removeFirst() }
            case 8:
                let before = model[key, default: []]
                model[key] = before.filter { $0 != announcement }
                let ended = holds.end(key, hash: hash(key), announcement)
                #expect(ended == before.count - model[key]!.count)
            default:
                holds.trim()
            }
            if model[key]?.isEmpty == true { model[key] = nil }
            #expect(holds.count == model.values.reduce(0) { $0 + $1.count })
            #expect(holds.isEmpty == model.isEmpty)
            if round % 50 == 0 {
                for key in 0..<40 as Range<UInt64> {
                    #expect(holds.contains(key, hash: hash(key)) == (model[key] != nil))
                }
            }
        }
    }

    /// Who announces one id over and over would make looking for it slow.
    @Test func aKeyIsHeldBySoMany() {
        var holds = RowHolds()
        let added = (0..<100).count { holds.add(7, hash: 5, UInt64($0)) }
        #expect(added == RowHolds.announcementsMax && holds.count == added)
        // As often as they like by those.
        let others = [holds.add(7, hash: 5, 3), holds.add(8, hash: 5, 100)]
        #expect(others == [true, true])
    }
}
