extension Table {
    /// Removes rows for good: those used less often than `minFrequency`, those last used more than
    /// `maxAge` seconds ago, and those that have expired. 0 and nil mean not by that. Returns how
    /// many, once that may be acknowledged. Blocks; requests go on meanwhile.
    ///
    /// Frequencies halve as time goes by, as they do for the choice of rows that stay in memory, and
    /// end at 65535; of a row that is on disk alone its frequency is known to within a factor of two,
    /// and the time of its last read to within a sixteenth of the time to live. Rows that a push is
    /// about to step stay.
    ///
    /// Throws `readOnly`; `unsupported` for an age in a table without a time to live, which does not
    /// keep the times of use, and for either in a table without rows that belong to one id: what many
    /// ids share, or a network is made of, can only expire; `malformed` for numbers below 0; and
    /// `storageFailed`, `storageFull` or `damaged`, with the rows that are gone by then gone.
    public func shrink(minFrequency: Int = 0, maxAge: Int? = nil) throws(StoreError) -> Int {
        if rows.isReadOnly { throw .readOnly }
        guard minFrequency >= 0, maxAge ?? 0 >= 0 else {
            throw .malformed("a frequency or an age to shrink by is at least 0")
        }
        if minFrequency > 0 || maxAge != nil, schema.firstSharedKey == 0 {
            throw .hasNoOwnRows(table: name)
        }
        if maxAge != nil, rows.lifetime == nil { throw .keepsNoTimes(table: name) }
        return try naming { () throws(StoreError) in
            try rows.shrink(
                frequencyMin: minFrequency, ageMax: maxAge.map { UInt32(clamping: $0) },
                gate: admitted?.gate)
        }
    }

    /// Removes rows that have expired, while `goOn` says so. Blocks.
    func removeExpired(while goOn: () -> Bool) throws(StoreError) {
        _ = try rows.shrink(gate: admitted?.gate, while: goOn)
    }
}

extension StoreError {
    /// An age was asked for in a table whose rows live for ever.
    static func keepsNoTimes(table name: String) -> StoreError {
        .unsupported("table '\(name)' has no time to live, so it does not know when rows were used")
    }

    /// Rare or old rows were asked for in a table whose rows belong to many ids each.
    static func hasNoOwnRows(table name: String) -> StoreError {
        .unsupported("table '\(name)' has no rows that belong to one id, so no id is rare or old")
    }
}
