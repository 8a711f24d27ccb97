import Foundation
import Testing

@testable import CTRLab

@Suite struct ReplayTests {
    /// Missing values are no ids; the same value of two fields is two ids; one id twice in a row is
    /// pulled once.
    @Test func idsOfALog() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("log.csv", "click,a,b\n1,x,x\n0,y,\n1,x,z\n")
        let log = try ClickLog(files: [path], format: .csv(CSVColumns(labels: ["click"])))
        let stream = try IDStream(log)
        #expect(stream.ids == [0, 1, 2, 0, 3])
        #expect(stream.ends == [2, 3, 5])
        #expect(stream.distinctCount == 4)
        var twice = IDStream()
        twice.append([7, 8, 7])
        #expect(twice.ids == [0, 1] && twice.ends == [2])
    }

    @Test func otherIDsArePopularInEachPhase() throws {
        let drift = DriftingZipf(ids: 1000, exponent: 1.2, draws: 30_001, phases: 3)
        let stream = try drift.stream()
        #expect(stream == (try drift.stream()))
        // Ids twice in a pull are pulled once.
        #expect(stream.ids.count > 20_000 && stream.ids.count < 30_001)
        #expect(stream.ends.count == 3 * 625 + 1)
        let third = stream.ids.count / 3
        let favourites = (0..<3).map { phase in
            Dictionary(grouping: stream.ids[phase * third..<(phase + 1) * third], by: \.self)
                .max { $0.value.count < $1.value.count }!.key
        }
        #expect(Set(favourites).count == 3)
        #expect(throws: CTRLabError.self) {
            try DriftingZipf(ids: 0, exponent: 1, draws: 1, phases: 1).stream()
        }
    }

    /// The store keeps to the room that it is given, is near the best where the same ids stay
    /// popular, and does not fall behind LRU where they change.
    @Test(arguments: [1, 5]) func theStoreBesideOthers(_ phases: Int) throws {
        let stream = try DriftingZipf(
            ids: 8000, exponent: 1, draws: 100_000, phases: phases
        ).stream()
        let replay = try Replay(
            stream, shares: [0.05], policies: Replay.Policy.allCases.filter { $0 != .announced })
        #expect(replay.uses == stream.ids.count && replay.distinctIDs == stream.distinctCount)
        var ratio: [Replay.Policy: Double] = [:]
        for result in replay.results {
            #expect(result.capacity == stream.distinctCount / 20)
            ratio[result.policy] = result.ofBelady
        }
        let store = try #require(ratio[.store])
        #expect(ratio[.belady] == 1)
        if phases == 1 {
            #expect(store > ratio[.lru]! + 0.05 && store < ratio[.lfu]! + 0.01)
        } else {
            #expect(store > ratio[.lru]! && store > ratio[.lfu]!)
        }
    }

    /// What is announced is there: all but the first use of an id, and the second where it was announced
    /// before the first and the row has left in between. A quarter of the memory is some 70 rows.
    @Test func announcedIDs() throws {
        let stream = try DriftingZipf(ids: 4000, exponent: 1, draws: 12_000, phases: 2).stream()
        let replay = try Replay(stream, shares: [0.12], policies: [.announced], announced: 3)
        let announced = try #require(replay.results.first)
        let repeated = stream.ids.count - stream.distinctCount
        #expect(announced.hits <= repeated && announced.hits > repeated - repeated / 200)
        #expect(announced.readAhead > 1000 && announced.readAhead < announced.hits)
        #expect(announced.ofBelady > 1)
    }

    @Test func capacitiesThatCannotBe() throws {
        let stream = try DriftingZipf(ids: 1000, exponent: 1, draws: 5000, phases: 1).stream()
        for shares in [[0.1], [1.5]] {
            #expect(throws: CTRLabError.self) { try Replay(stream, shares: shares) }
        }
    }

    @Test func criteo() throws {
        guard let path = RealData.path("criteo_first80k/criteo_first80k.tsv.gz") else { return }
        let stream = try IDStream(ClickLog(files: [path], format: .criteo))
        #expect(stream.distinctCount == 200_364)
        let replay = try Replay(
            stream, shares: [0.01, 0.05, 0.1], policies: [.store, .lru, .lfu, .s3FIFO])
        func ofBelady(_ policy: Replay.Policy) -> [Double] {
            replay.results.filter { $0.policy == policy }.map(\.ofBelady)
        }
        for (ratio, least) in zip(ofBelady(.store), [0.92, 0.945, 0.955]) { #expect(ratio >= least) }
        // What others have measured on the same rows.
        for (policy, figures) in [
            (Replay.Policy.lru, [0.82, 0.89, 0.92]), (.lfu, [0.94, 0.96, 0.967]),
            (.s3FIFO, [0.92, 0.945, 0.957]),
        ] {
            for (ratio, figure) in zip(ofBelady(policy), figures) {
                #expect(abs(ratio - figure) < 0.005, "\(policy.rawValue)")
            }
        }
    }
}
