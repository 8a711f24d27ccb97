import Testing

@testable import CTRLab

@Suite struct BatchReaderTests {
    private func log(_ examples: Int, ids: Int, seed: UInt64) -> EncodedLog {
        var random = SplitMix64(seed: seed)
        let fields = 3
        var offsets: [UInt32] = [0]
        var rows: [UInt32] = []
        for _ in 0..<examples * fields {
            for _ in 0..<random.next() % 3 { rows.append(UInt32(random.next() % UInt64(ids))) }
            offsets.append(UInt32(rows.count))
        }
        return EncodedLog(
            shape: FeatureShape(fields: fields, numbers: 2, labels: 1),
            labels: (0..<examples).map { Float($0) },
            numbers: (0..<examples * 2).map { Float($0) },
            vocabulary: (0..<UInt64(ids)).map { $0 * 1000 + 7 },
            bags: FieldBags(
                examples: examples, fields: fields, rows: rows, offsets: offsets,
                weights: rows.map { Float($0) / 2 }))
    }

    /// The ids of each bag of an example, by the log itself.
    private func bags(_ log: EncodedLog, _ example: Int) -> [[UInt64]] {
        (0..<3).map { field in
            let bag = example * 3 + field
            let cells = Int(log.bags.offsets![bag])..<Int(log.bags.offsets![bag + 1])
            return cells.map { log.vocabulary[Int(log.bags.rows[$0])] }
        }
    }

    @Test(arguments: [(1, false), (7, false), (100, false), (7, true)])
    func everyExampleComesOnceWithItsIDs(size: Int, namesEveryID: Bool) {
        let log = log(50, ids: 20, seed: 3)
        let reader = BatchReader(log, batchSize: size, shuffle: 5, namesEveryID: namesEveryID)
        var seen: [Int] = []
        var before: Set<UInt64> = []
        while let batch = reader.next() {
            #expect(Set(batch.ids).count == batch.ids.count)
            let fresh = Set(batch.ids.prefix(batch.freshCount))
            let shared = Set(batch.ids.dropFirst(batch.freshCount))
            if namesEveryID {
                #expect(fresh.isEmpty && batch.ids == log.vocabulary)
            } else {
                #expect(fresh.isDisjoint(with: before) && shared.isSubset(of: before))
                #expect(Set(batch.bags.rows).count == batch.ids.count)
            }
            before = fresh.union(shared)
            for index in 0..<batch.bags.examples {
                let example = Int(batch.labels[index, 0])
                seen.append(example)
                #expect(batch.numbers[index, 1] == Float(example * 2 + 1))
                for (field, expected) in bags(log, example).enumerated() {
                    let bag = index * 3 + field
                    let offsets = batch.bags.offsets!
                    let cells = Int(offsets[bag])..<Int(offsets[bag + 1])
                    #expect(cells.map { batch.ids[Int(batch.bags.rows[$0])] } == expected)
                    #expect(
                        cells.allSatisfy { cell in
                            let id = batch.ids[Int(batch.bags.rows[cell])]
                            return batch.bags.weights![cell] == Float((id - 7) / 1000) / 2
                        })
                }
            }
        }
        #expect(seen.sorted() == Array(0..<50) && seen != Array(0..<50))
    }

    @Test func nothingIsReadAheadWhereIDsShareRows() {
        let reader = BatchReader(log(50, ids: 20, seed: 3), batchSize: 7, idsShareRows: true)
        while let batch = reader.next() { #expect(batch.freshCount == 0 && !batch.ids.isEmpty) }
    }

    @Test func theOrderIsTheSeeds() {
        let log = log(30, ids: 5, seed: 1)
        func order(_ seed: UInt64?) -> [Float] {
            BatchReader(log, batchSize: 30, shuffle: seed).next()!.labels.values
        }
        #expect(order(1) == order(1))
        #expect(order(1) != order(2))
        #expect(order(nil) == (0..<30).map { Float($0) })
    }
}
