import Synchronization

@testable import EmbeddingStore

/// A clock that stands still until it is moved.
final class TestClock: Sendable {
    private let seconds: Atomic<UInt32>

    init(_ seconds: UInt32 = 1_000_000) { self.seconds = Atomic(seconds) }

    var now: UInt32 { seconds.load(ordering: .relaxed) }

    func advance(_ seconds: Int) {
        self.seconds.store(UInt32(Int(now) + seconds), ordering: .relaxed)
    }

    var clock: UnixClock { UnixClock { self.now } }
}
