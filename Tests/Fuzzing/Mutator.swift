/// Changes bytes in the ways that find defects in readers of bytes.
///
/// It knows nothing of a format; who knows one keeps lengths and checksums true afterwards, or does
/// not.
package enum Mutator {
    /// The numbers at which sizes, signs and limits turn.
    private static let turningPoints: [UInt64] = [
        0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 1023, 1024, 4095,
        4096,
        4097, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0xF_FFFF, 0x10_0000, 0x7FFF_FFFF, 0x8000_0000,
        0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000,
        0xFFFF_FFFF_FFFF_FFF8, 0xFFFF_FFFF_FFFF_FFFF,
        // Infinity and NaN, as float32, as both halves of eight bytes, and as float64.
        0x7F80_0000, 0x7FC0_0000, 0x7F80_0000_7F80_0000, 0x7FF0_0000_0000_0000,
        0x7FF8_0000_0000_0000,
    ]

    /// Makes between one and four changes in `bytes` from `start` on.
    ///
    /// - Parameter other: what a part may be taken from.
    package static func mutate(
        _ bytes: inout [UInt8], from start: Int = 0, other: [UInt8],
        using random: inout SeededRandom
    ) {
        for _ in 0...random.below(4) {
            change(&bytes, from: start, other: other, using: &random)
        }
    }

    /// Puts other numbers in the place of decimal ones, one to three of them: what is left of a
    /// text stays what it is.
    package static func mutateNumbers(_ text: inout [UInt8], using random: inout SeededRandom) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        for _ in 0...random.below(3) {
            let starts = text.indices.filter { at in
                digits.contains(text[at]) && (at == 0 || !digits.contains(text[at - 1]))
            }
            guard !starts.isEmpty else { return }
            let start = starts[random.below(starts.count)]
            let end = text[start...].firstIndex { !digits.contains($0) } ?? text.endIndex
            let number =
                random.oneIn(3)
                ? decimals[random.below(decimals.count)]
                : "\(turningPoints[random.below(turningPoints.count)])"
            text.replaceSubrange(start..<end, with: number.utf8)
        }
    }

    private static let decimals = [
        "-1", "0.5", "-0.0", "1e-30", "1e38", "1e39", "1e308", "1e309", "00",
        "18446744073709551616",
        "null", "true", "\"1\"", "[]", "{}",
    ]

    private static func change(
        _ bytes: inout [UInt8], from start: Int, other: [UInt8], using random: inout SeededRandom
    ) {
        let count = bytes.count - start
        guard count > 0 else {
            bytes.append(UInt8(truncatingIfNeeded: random.next()))
            return
        }
        let at = start + random.below(count)
        switch random.below(16) {
        case 0...3:
            bytes[at] ^= 1 << UInt8(random.below(8))
        case 4...6:
            bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 7...10:
            write(
                turningPoints[random.below(turningPoints.count)], near: at, &bytes, start, &random)
        case 11:
            // A number that is there already, and a little more or less.
            bytes[at] = bytes[at] &+ (random.oneIn(2) ? 1 : 255)
        case 12:
            bytes.removeLast(1 + random.below(count))
        case 13:
            let length = 1 + random.below(min(64, bytes.count - at))
            bytes.insert(contentsOf: Array(bytes[at..<at + length]), at: at)  // repeated
        case 14:
            bytes.removeSubrange(at..<at + 1 + random.below(min(64, bytes.count - at)))
        default:
            splice(&bytes, at: at, other, &random)
        }
    }

    /// Writes a number in one, two, four or eight bytes, more often than not where a field begins.
    private static func write(
        _ number: UInt64, near at: Int, _ bytes: inout [UInt8], _ start: Int,
        _ random: inout SeededRandom
    ) {
        let width = 1 << random.below(4)
        let at = random.oneIn(4) ? at : start + (at - start) / width * width
        for place in 0..<width where at + place < bytes.count {
            bytes[at + place] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(place)))
        }
    }

    /// A part of another input, over what is there or between it.
    private static func splice(
        _ bytes: inout [UInt8], at: Int, _ other: [UInt8], _ random: inout SeededRandom
    ) {
        guard !other.isEmpty else { return }
        let from = random.below(other.count)
        let part = other[from..<from + 1 + random.below(min(256, other.count - from))]
        let end = random.oneIn(2) ? at : min(bytes.count, at + part.count)
        bytes.replaceSubrange(at..<end, with: part)
    }
}
