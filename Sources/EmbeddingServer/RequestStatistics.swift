internal import EmbeddingWire
internal import Histogram
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Counts and latencies of requests by operation, from the moment a request was read to that its
/// reply was written.
final class RequestStatistics: Sendable {
    struct Figures: Sendable {
        var count = 0
        var errors = 0
        /// Rows asked for or sent.
        var rows = 0
        /// Latencies in microseconds, to two significant digits.
        var latencyUs = Histogram<UInt64>(numberOfSignificantValueDigits: .two)
    }

    let started = NIODeadline.now()
    /// By the number of the operation; 0 for what is none.
    private let figures: [NIOLockedValueBox<Figures>]
    private let limits = NIOLockedValueBox(LimitFigures())

    /// What limits have led to.
    struct LimitFigures: Sendable {
        /// Connections that are open.
        var connections = 0
        /// Connections refused because there were too many.
        var refusedConnections = 0
        /// Requests answered `overloaded`.
        var overloaded = 0
        /// Connections cut off, by what they were waited for.
        var cutOff: [ConnectionTimeouts.Wait: Int] = [:]
    }

    init() {
        figures = (0...Int(Operation.allCases.map(\.rawValue).max()!))  // there are operations
            .map { _ in NIOLockedValueBox(Figures()) }
    }

    func record(operation: UInt8, latency: TimeAmount, failed: Bool) {
        let known = Operation(rawValue: operation) == nil ? 0 : Int(operation)
        figures[known].withLockedValue {
            $0.count += 1
            if failed { $0.errors += 1 }
            $0.latencyUs.record(UInt64(max(0, latency.nanoseconds / 1000)))
        }
    }

    func count(rows: Int, of operation: Operation) {
        figures[Int(operation.rawValue)].withLockedValue { $0.rows += rows }
    }

    func figures(of operation: Operation) -> Figures {
        figures[Int(operation.rawValue)].withLockedValue { $0 }
    }

    /// Requests whose operation is not known.
    var unknown: Figures { figures[0].withLockedValue { $0 } }

    var limitFigures: LimitFigures { limits.withLockedValue { $0 } }

    /// Counts a connection in unless there are `max` already.
    func connect(max: Int) -> Bool {
        limits.withLockedValue { figures in
            guard figures.connections < max else {
                figures.refusedConnections += 1
                return false
            }
            figures.connections += 1
            return true
        }
    }

    func disconnect() { limits.withLockedValue { $0.connections -= 1 } }

    func countOverloaded() { limits.withLockedValue { $0.overloaded += 1 } }

    func countCutOff(_ wait: ConnectionTimeouts.Wait) {
        limits.withLockedValue { $0.cutOff[wait, default: 0] += 1 }
    }
}
