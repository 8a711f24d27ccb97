internal import CKernels

/// Cuts a log into batches and finds the distinct ids of each, once.
///
/// What makes it possible to read ahead: ids that the batch before has not come first in a batch,
/// so that their rows can be pulled while that batch is still being computed, and a push of it
/// changes none of them (after ScaleFreeCTR, SIGIR 2021). The rows of the other ids are pulled
/// when it has been pushed. Where ids share rows, those are all ids. Training is thus the same as
/// without reading ahead.
final class BatchReader: @unchecked Sendable {
    // Handed from one task to the next, never used by two at once.
    private let log: EncodedLog
    private let order: [UInt32]
    private let batchSize: Int
    private let namesEveryID: Bool
    private let idsShareRows: Bool
    private var nextExample = 0
    /// Of the batch that was read last; 0 and 1 are none, so that nothing is shared at first.
    private var number: UInt32 = 1
    /// For each distinct id the last batch that had it, and its place there: among the shared ids
    /// if it has `sharedMark`, else among the fresh ones.
    private var uses: [(batch: UInt32, place: UInt32)]

    private static let sharedMark: UInt32 = 1 << 31
    private static let prefetchDistance = 24

    /// - Parameters:
    ///   - shuffle: decides the order of the examples; nil for the log's.
    ///   - namesEveryID: whether a batch has all of the log's ids, not only those of its examples.
    ///   - idsShareRows: whether a push may change the rows of ids that it does not name.
    init(
        _ log: EncodedLog, batchSize: Int, shuffle seed: UInt64? = nil, namesEveryID: Bool = false,
        idsShareRows: Bool = false
    ) {
        self.log = log
        self.batchSize = batchSize
        self.namesEveryID = namesEveryID
        self.idsShareRows = idsShareRows
        var order = (0..<UInt32(log.count)).map(\.self)
        if let seed {
            var random = SplitMix64(seed: SplitMix64.mix(seed))
            order.shuffle(using: &random)
        }
        self.order = order
        uses = Array(repeating: (0, 0), count: log.vocabulary.count)
    }

    /// The next batch; nil after the last.
    func next() -> Batch? {
        guard nextExample < order.count else { return nil }
        let examples = order[nextExample..<min(nextExample + batchSize, order.count)]
        nextExample = examples.endIndex
        let bags = bags(of: examples)
        if namesEveryID {
            return batch(examples, ids: log.vocabulary, freshCount: 0, bags)
        }
        let (fresh, shared, places) = distinct(bags.rows)
        let freshCount = UInt32(fresh.count)
        let rows = places.map {
            $0 & Self.sharedMark == 0 ? $0 : freshCount + ($0 ^ Self.sharedMark)
        }
        return batch(
            examples, ids: fresh + shared, freshCount: idsShareRows ? 0 : fresh.count,
            FieldBags(
                examples: bags.examples, fields: bags.fields, rows: rows, offsets: bags.offsets,
                weights: bags.weights))
    }

    private func batch(
        _ examples: ArraySlice<UInt32>, ids: [UInt64], freshCount: Int, _ bags: FieldBags
    ) -> Batch {
        func lines(_ values: [Float], _ width: Int) -> Matrix {
            Matrix(examples.count, width) { result in
                for (index, example) in examples.enumerated() {
                    for column in 0..<width {
                        result[index * width + column] = values[Int(example) * width + column]
                    }
                }
            }
        }
        return Batch(
            ids: ids, freshCount: freshCount, bags: bags,
            numbers: lines(log.numbers, log.shape.numbers),
            labels: lines(log.labels, log.shape.labels))
    }

    /// The bags of some examples, their ids as places in the log's vocabulary.
    private func bags(of examples: ArraySlice<UInt32>) -> FieldBags {
        let fields = log.bags.fields
        var rows: [UInt32] = []
        var weights: [Float]? = log.bags.weights.map { _ in [] }
        var offsets: [UInt32]? = log.bags.offsets.map { _ in [0] }
        rows.reserveCapacity(examples.count * fields)
        for example in examples {
            let bags = Int(example) * fields..<(Int(example) + 1) * fields
            var cells = bags
            if let all = log.bags.offsets {
                cells = Int(all[bags.lowerBound])..<Int(all[bags.upperBound])
                for bag in bags {
                    offsets?.append(UInt32(rows.count + Int(all[bag + 1]) - cells.lowerBound))
                }
            }
            rows.append(contentsOf: log.bags.rows[cells])
            if let all = log.bags.weights { weights?.append(contentsOf: all[cells]) }
        }
        return FieldBags(
            examples: examples.count, fields: fields, rows: rows, offsets: offsets,
            weights: weights)
    }

    /// The distinct ones of some ids: those that the batch before has not, and the others; and of
    /// each id its place among them.
    ///
    /// The ids of a large log are far apart, so each is looked up once.
    private func distinct(
        _ cells: [UInt32]
    ) -> (fresh: [UInt64], shared: [UInt64], places: [UInt32]) {
        number += 1
        let number = number
        var fresh: [UInt32] = []
        var shared: [UInt32] = []
        let places = uses.withUnsafeMutableBufferPointer { uses in
            cells.indices.map { at in
                // Which way a use goes is as good as random: only what is asked for beforehand is
                // not waited for.
                if at + Self.prefetchDistance < cells.count, let uses = uses.baseAddress {
                    tc_prefetch(uses + Int(cells[at + Self.prefetchDistance]))
                }
                let cell = cells[at]
                let use = uses[Int(cell)]
                if use.batch == number { return use.place }
                let place: UInt32
                if use.batch == number - 1 {
                    place = UInt32(shared.count) | Self.sharedMark
                    shared.append(cell)
                } else {
                    place = UInt32(fresh.count)
                    fresh.append(cell)
                }
                uses[Int(cell)] = (number, place)
                return place
            }
        }
        func ids(_ cells: [UInt32]) -> [UInt64] { cells.map { log.vocabulary[Int($0)] } }
        return (ids(fresh), ids(shared), places)
    }
}
