internal import Dispatch

/// Work that is divided among the processor's cores.
///
/// How it is divided depends on the work alone, so that what comes out is the same on any number of
/// cores.
enum Parallel {
    /// Calls `body` with each part of `0..<count`, several at once.
    ///
    /// - Parameter least: what a part has at least, for the work on it to take longer than handing
    ///   it to a core.
    @inline(__always)
    static func forEachPart(of count: Int, least: Int, _ body: (Range<Int>) -> Void) {
        let length = partLength(of: count, least: least)
        guard count > length else { return body(0..<count) }
        withoutActuallyEscaping(body) { body in
            // Each call has a part of its own; what it writes is nobody else's.
            nonisolated(unsafe) let body = body
            DispatchQueue.concurrentPerform(iterations: (count + length - 1) / length) { part in
                body(part * length..<min((part + 1) * length, count))
            }
        }
    }

    /// The length of a part, all but the last having the same: there are a power of two of them, so
    /// that 2, 4 or 8 cores get as much each.
    static func partLength(of count: Int, least: Int) -> Int {
        let parts = max(1, count / max(least, 1))
        let power = 1 << (Int.bitWidth - 1 - parts.leadingZeroBitCount)
        return max(1, (count + power - 1) / power)
    }
}
