import Testing

@testable import CTRLab

@Suite struct QuantileSketchTests {
    @Test func shortStreamsAreExact() {
        var sketch = QuantileSketch()
        for number in (1...1000).reversed() { sketch.add(Float(number)) }
        #expect(sketch.quantiles(parts: 4) == [250, 500, 750])
        #expect(sketch.quantiles(parts: 1).isEmpty)
        #expect(QuantileSketch().quantiles(parts: 4).isEmpty)
    }

    @Test func frequentNumbersAreSeveralQuantiles() {
        var sketch = QuantileSketch()
        for number in 0..<1000 { sketch.add(number < 600 ? 0 : Float(number)) }
        #expect(sketch.quantiles(parts: 5) == [0, 0, 0, 799])
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func ranksOfLongStreamsAreClose(seed: UInt64) {
        let count = 200_000
        var random = SplitMix64(seed: seed)
        var sketch = QuantileSketch()
        // Numbers equal their rank.
        for number in (0..<count).shuffled(using: &random) { sketch.add(Float(number)) }
        #expect(sketch.count == count)
        let quantiles = sketch.quantiles(parts: 100)
        #expect(quantiles.count == 99)
        for (index, quantile) in quantiles.enumerated() {
            let expected = Double(index + 1) / 100
            let error = abs(Double(quantile) / Double(count) - expected)
            #expect(error < 0.004, "quantile \(expected): off by \(error)")
        }
    }

    @Test func theSameStreamGivesTheSameSketch() {
        func quantiles() -> [Float] {
            var random = SplitMix64(seed: 4)
            var sketch = QuantileSketch(size: 64)
            for _ in 0..<10_000 { sketch.add(Float(random.normal())) }
            return sketch.quantiles(parts: 20)
        }
        #expect(quantiles() == quantiles())
    }
}
