import Testing

@testable import CTRLab

/// The rules that the store is compared with, against sequences that were gone through by hand.
@Suite struct CachePolicyTests {
    /// Which uses of single letters hit.
    private func hits<Policy: CachePolicy>(
        _ policy: Policy.Type, _ capacity: Int, _ letters: String
    ) -> String {
        var stream = IDStream()
        for letter in letters.utf8 { stream.append([UInt64(letter)]) }
        var cache = Policy(capacity: capacity, stream)
        return String(stream.ids.map { cache.use(Int($0)) ? "1" : "." })
    }

    @Test func whatWasUsedLongestAgoLeaves() {
        // After abca the cache has c and a.
        #expect(hits(LRU.self, 2, "abcacb") == "....1.")
        #expect(hits(LRU.self, 3, "abcadb") == "...1..")
        #expect(hits(LRU.self, 1, "aabba") == ".1.1.")
    }

    @Test func whatWasUsedLeastOftenLeaves() {
        // c pushes b out, b pushes c out; a has more uses than both.
        #expect(hits(LFU.self, 2, "aaabcbca") == ".11....1")
        // Uses count on outside: with its third a comes before b, which has two.
        #expect(hits(LFU.self, 1, "aabbab") == ".1.1..")
        // Of equals the one that was used longest ago.
        #expect(hits(LFU.self, 2, "abcb") == "...1")
    }

    @Test func whoKnowsTheFutureKeepsWhatComesSoonest() {
        // c never comes again and is not taken in.
        #expect(hits(Belady.self, 2, "abcab") == "...11")
        // b comes later than a and c: it makes room.
        #expect(hits(Belady.self, 2, "abcacab") == "...111.")
        #expect(hits(Belady.self, 1, "abbba") == "..11.")
    }

    /// Ten rows: one in the small queue, nine in the main one, and as many ghosts.
    @Test func threeQueues() {
        // Ten ids fill the small queue; the next ones push out the oldest, seen once: a is a ghost
        // when it comes again, and then belongs to the main queue, which what follows does not push
        // out.
        #expect(
            hits(S3FIFO.self, 10, "abcdefghijk" + "a" + "lmnopqrstu" + "a")
                == String(repeating: ".", count: 22) + "1")
        // Used twice more in the small queue it gets through to the main one; once more is not
        // enough.
        #expect(hits(S3FIFO.self, 10, "aaabcdefghijklmnopqrs" + "a").last == "1")
        #expect(hits(S3FIFO.self, 10, "aabcdefghijklmnopqrs" + "a").last == ".")
        // Ghosts are forgotten too: nine others left since.
        let first = "abcdefghijk"
        let others = "uvwxyz1234a"
        #expect(hits(S3FIFO.self, 10, first + "lmnopqrst" + "a" + others).last == ".")
        #expect(hits(S3FIFO.self, 10, first + "lmnopqrs" + "a" + others).last == "1")
    }

    /// Three rows: one in the window, two behind it, of which one is protected.
    @Test func aScanDoesNotGetPastTheAdmission() {
        // a and b are used more often than any of the others, each of which sees the window only.
        #expect(hits(WTinyLFU.self, 3, "ababab" + "cdefgh" + "ab") == "..1111" + "......" + "11")
        // With as many uses c does not get in, with more it does, in the place of a, the older one.
        #expect(hits(WTinyLFU.self, 3, "abab" + "cdc" + "e" + "abc").suffix(3) == "11.")
        #expect(hits(WTinyLFU.self, 3, "abab" + "ccc" + "de" + "c").last == "1")
    }

    @Test func countersOfUsesHalve() {
        var sketch = UseSketch(capacity: 4)
        for _ in 0..<20 { sketch.count(1) }
        #expect(sketch.uses(1) == 15)
        for id in 100..<120 { sketch.count(id) }
        #expect(sketch.uses(1) <= 8 && sketch.uses(1) >= 7)
    }

    /// Streams that are skewed, scanned or looped over.
    @Test(arguments: 0..<24) func nothingBeatsTheBest(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var stream = IDStream()
        let ids = Int.random(in: 2...60, using: &random)
        let sampler = ZipfSampler(count: UInt64(ids), exponent: 0.9)
        for step in 0..<2000 {
            let id =
                switch seed % 3 {
                case 0: sampler.next(using: &random)
                case 1: UInt64(step % ids)
                default: sampler.next(using: &random) + UInt64(step / 400) * 30
                }
            stream.append([id])
        }
        for capacity in [1, 2, 3, 7, 20, 100] {
            let best = Belady.hits(stream, capacity: capacity)
            let others = [
                LRU.hits(stream, capacity: capacity), LFU.hits(stream, capacity: capacity),
                S3FIFO.hits(stream, capacity: capacity),
            ]
            for hits in others { #expect(hits <= best, "seed \(seed), \(capacity) rows") }
            // The window and what is behind it are two rows at least.
            if capacity > 1 { #expect(WTinyLFU.hits(stream, capacity: capacity) <= best) }
            if capacity >= stream.distinctCount {
                // Everything but the first use.
                for hits in others + [best] {
                    #expect(hits == stream.ids.count - stream.distinctCount)
                }
            }
        }
    }

    /// Against every way to keep ids, tried out.
    @Test(arguments: 0..<40) func theBestIsTheBest(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var stream = IDStream()
        for _ in 0..<14 { stream.append([UInt64.random(in: 0..<5, using: &random)]) }
        for capacity in 1...3 {
            var reached: [Set<UInt32>: Int] = [[]: 0]
            for id in stream.ids {
                var next: [Set<UInt32>: Int] = [:]
                for (cache, hits) in reached {
                    let now = hits + (cache.contains(id) ? 1 : 0)
                    var choices = [cache]
                    if !cache.contains(id) {
                        if cache.count < capacity { choices.append(cache.union([id])) }
                        choices += cache.map { cache.subtracting([$0]).union([id]) }
                    }
                    for choice in choices { next[choice] = max(next[choice] ?? 0, now) }
                }
                reached = next
            }
            #expect(Belady.hits(stream, capacity: capacity) == reached.values.max())
        }
    }
}
