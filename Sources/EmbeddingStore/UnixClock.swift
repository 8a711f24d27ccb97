internal import Glibc

/// The time of day, in whole seconds since 1970-01-01 00:00 UTC; another one in tests.
public struct UnixClock: Sendable {
    public let now: @Sendable () -> UInt32

    public init(now: @escaping @Sendable () -> UInt32) { self.now = now }

    /// The machine's. Good until 2106.
    public static let system = UnixClock { UInt32(truncatingIfNeeded: time(nil)) }
}
