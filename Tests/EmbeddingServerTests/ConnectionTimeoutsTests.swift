import NIOCore
import NIOEmbedded
import Testing

@testable import EmbeddingServer

@Suite struct ConnectionTimeoutsTests {
    private let eventLoop = EmbeddedEventLoop()

    private final class Overdue {
        var waits: [ConnectionTimeouts.Wait] = []
        /// What is asked for when time is over.
        var refresh = {}
    }

    private func timeouts(_ overdue: Overdue, idle: Double? = nil) -> ConnectionTimeouts {
        var options = ServerOptions()
        options.idleTimeoutSeconds = idle
        return ConnectionTimeouts(options, eventLoop: eventLoop, refresh: { overdue.refresh() }) {
            overdue.waits.append($0)
        }
    }

    @Test(arguments: [
        (ConnectionTimeouts.Wait.handshake, Int64(10)), (.receive, 30), (.send, 30), (.idle, 60),
    ])
    func aWaitEndsWhenItsTimeIsOver(wait: ConnectionTimeouts.Wait, seconds: Int64) {
        let overdue = Overdue()
        let timeouts = timeouts(overdue, idle: 60)
        timeouts.update(wait, isOn: true, hasProgressed: false)
        eventLoop.advanceTime(by: .seconds(seconds) - .nanoseconds(1))
        #expect(overdue.waits.isEmpty)
        eventLoop.advanceTime(by: .nanoseconds(1))
        #expect(overdue.waits == [wait])
        // Once, and never again.
        timeouts.update(wait, isOn: true, hasProgressed: true)
        eventLoop.advanceTime(by: .hours(1))
        #expect(overdue.waits == [wait])
    }

    @Test func progressBeginsTheWaitAnew() {
        let overdue = Overdue()
        let timeouts = timeouts(overdue)
        for _ in 0..<10 {
            timeouts.update(.send, isOn: true, hasProgressed: true)
            eventLoop.advanceTime(by: .seconds(29))
        }
        // That it goes on without progress changes nothing.
        timeouts.update(.send, isOn: true, hasProgressed: false)
        #expect(overdue.waits.isEmpty)
        eventLoop.advanceTime(by: .seconds(1))
        #expect(overdue.waits == [.send])
    }

    @Test func whatIsNotWaitedForIsNotOverdue() {
        let overdue = Overdue()
        let timeouts = timeouts(overdue)
        timeouts.update(.receive, isOn: true, hasProgressed: true)
        eventLoop.advanceTime(by: .seconds(20))
        timeouts.update(.receive, isOn: false, hasProgressed: false)
        // No limit is set for it.
        timeouts.update(.idle, isOn: true, hasProgressed: false)
        eventLoop.advanceTime(by: .hours(10))
        #expect(overdue.waits.isEmpty)
        // It does not go on where it was left.
        timeouts.update(.receive, isOn: true, hasProgressed: false)
        eventLoop.advanceTime(by: .seconds(29))
        #expect(overdue.waits.isEmpty)
    }

    /// The timer of a long wait does not hide a short one that begins later.
    @Test func theFirstToEndCounts() {
        let overdue = Overdue()
        let timeouts = timeouts(overdue, idle: 3600)
        timeouts.update(.idle, isOn: true, hasProgressed: false)
        eventLoop.advanceTime(by: .seconds(100))
        timeouts.update(.send, isOn: true, hasProgressed: false)
        eventLoop.advanceTime(by: .seconds(30))
        #expect(overdue.waits == [.send])
    }

    /// A socket that takes a part does not tell; it is asked.
    @Test func progressThatWasNotToldOfCounts() {
        let overdue = Overdue()
        let timeouts = timeouts(overdue)
        var progress = [true, true, false]
        overdue.refresh = {
            timeouts.update(.send, isOn: true, hasProgressed: progress.removeFirst())
        }
        timeouts.update(.send, isOn: true, hasProgressed: false)
        eventLoop.advanceTime(by: .seconds(89))
        #expect(overdue.waits.isEmpty)
        eventLoop.advanceTime(by: .seconds(1))
        #expect(overdue.waits == [.send])
        #expect(progress.isEmpty)
    }

    @Test func nothingIsOverdueOnceItIsStopped() {
        let overdue = Overdue()
        let timeouts = timeouts(overdue)
        timeouts.update(.handshake, isOn: true, hasProgressed: false)
        timeouts.stop()
        timeouts.update(.receive, isOn: true, hasProgressed: false)
        eventLoop.advanceTime(by: .hours(1))
        #expect(overdue.waits.isEmpty)
    }
}
