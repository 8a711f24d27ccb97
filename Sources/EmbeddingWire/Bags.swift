internal import NIOCore

/// What a pool request combines: bag i is `ids[offsets[i] ..< offsets[i + 1]]`, the last bag ends
/// with the ids.
package struct Bags: Sendable {
    package let mode: PoolMode
    package let ids: WireIDs
    /// Ascending from 0 to at most the number of ids.
    package let offsets: WireArray<UInt64>
    /// One for each id; none when rows count alike.
    package let weights: WireFloats?

    /// Whether the offsets cut `idCount` ids into bags.
    static func areOffsets(_ offsets: WireArray<UInt64>, of idCount: Int) -> Bool {
        guard offsets.count > 0 else { return idCount == 0 }
        return offsets.withUnsafeBytes { bytes in
            var previous: UInt64 = 0
            for index in 0..<offsets.count {
                let offset = bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                guard offset >= previous, index > 0 || offset == 0 else { return false }
                previous = offset
            }
            return previous <= idCount
        }
    }
}

extension BodyReader {
    mutating func bags(idsMax: Int) throws(WireError) -> Bags {
        let idCount = try self.idCount(max: idsMax)
        let bagCount = try self.idCount(max: idsMax)
        let modeCode = try integer(as: UInt8.self)
        let weighted = try integer(as: UInt8.self)
        try zeros(count: 6)
        guard let mode = PoolMode(rawValue: modeCode), weighted <= 1,
            weighted == 0 || mode == .sum
        else {
            throw WireError(
                .malformed, "there is no pool of mode \(modeCode) with weighted \(weighted)")
        }
        let ids = try array(of: UInt64.self, count: idCount)
        let offsets = try array(of: UInt64.self, count: bagCount)
        let weights = weighted == 1 ? try array(of: Float.self, count: idCount) : nil
        try end()
        guard Bags.areOffsets(offsets, of: idCount) else {
            throw WireError(.malformed, "the offsets do not ascend from 0 to at most \(idCount)")
        }
        return Bags(mode: mode, ids: ids, offsets: offsets, weights: weights)
    }
}
