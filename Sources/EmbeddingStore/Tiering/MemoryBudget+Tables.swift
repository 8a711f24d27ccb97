extension TableSchema {
    /// Memory that a table cannot do without, whatever rows it has: what tells frequent ids apart, or
    /// a network's parameters, which a push needs all at once, as rows and in one piece.
    var fixedBytes: Int {
        switch scheme {
        case .full, .hashed, .doubleHashed, .quotientRemainder, .frequencyFiltered(.exact):
            return 0
        case .frequencyDoubleHashed(let own, _, _):
            return FrequencySketch.byteCount(own: own)
        case .frequencyFiltered(.bloom(let counters)):
            return counters
        case .deepHash(let hashes, let hidden):
            let shape = DeepHashShape(hashes: hashes, hidden: hidden, dimension: dimension)
            return 4 * shape.paddedCount + shape.rowCount * RowLayout(self).stride
        }
    }
}

extension MemoryBudget {
    /// Throws `unsupported` unless tables of these schemas leave half of the memory to rows that come
    /// and go.
    func check(_ schemas: [TableSchema]) throws(StoreError) {
        let bytes = schemas.reduce(0) { $0 + $1.fixedBytes }
        guard bytes <= limitBytes / 2 else {
            throw .unsupported(
                "counters of ids and parameters of networks take \(bytes) bytes, more than half of the "
                    + "memory, which is \(limitBytes)")
        }
    }
}
