import CKernels
import Testing

/// What a kernel may read and write: its rows start `offset` elements into their buffers, and there
/// is room behind them, where nothing may change.
private final class Workspace {
    let row: UnsafeMutablePointer<Float>
    let first: UnsafeMutablePointer<Float>
    let second: UnsafeMutablePointer<Float>
    let gradient: UnsafeMutablePointer<Float>
    let float16: UnsafeMutablePointer<UInt16>
    let int16: UnsafeMutablePointer<Int16>
    let int8: UnsafeMutablePointer<Int8>
    var result: Float = 0
    private let memory: UnsafeMutableRawBufferPointer

    init(offset: Int, count: Int, seed: UInt64) {
        let region = ((offset + count + 24) * 4 + 63) / 64 * 64
        memory = .allocate(byteCount: 7 * region, alignment: 64)
        let base = memory.baseAddress!
        row = base.assumingMemoryBound(to: Float.self) + offset
        first = (base + region).assumingMemoryBound(to: Float.self) + offset
        second = (base + 2 * region).assumingMemoryBound(to: Float.self) + offset
        gradient = (base + 3 * region).assumingMemoryBound(to: Float.self) + offset
        float16 = (base + 4 * region).assumingMemoryBound(to: UInt16.self) + offset
        int16 = (base + 5 * region).assumingMemoryBound(to: Int16.self) + offset
        int8 = (base + 6 * region).assumingMemoryBound(to: Int8.self) + offset

        var generator = SeededGenerator(seed: seed)
        for index in memory.indices { memory[index] = UInt8.random(in: 0...255, using: &generator) }
        for index in -offset..<count + 8 {
            row[index] = Float.random(in: -1...1, using: &generator)
            gradient[index] = Float.random(in: -1...1, using: &generator)
            first[index] = Float.random(in: 0...1, using: &generator)
            second[index] = Float.random(in: 0...1, using: &generator)
        }
    }

    deinit { memory.deallocate() }

    var bytes: [UInt8] { Array(memory) }

    /// The first byte that differs outside the `count` elements that each row may change.
    func firstStrayWrite(since before: [UInt8], offset: Int, count: Int) -> Int? {
        let region = memory.count / 7
        let elementBytes = [4, 4, 4, 4, 2, 2, 1]
        return memory.indices.first { index in
            let size = elementBytes[index / region]
            let own = offset * size..<(offset + count) * size
            return !own.contains(index % region) && memory[index] != before[index]
        }
    }
}

private struct Kernel: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let run: @Sendable (Workspace, Int) -> Void

    init(_ name: String, _ run: @escaping @Sendable (Workspace, Int) -> Void) {
        testDescription = name
        self.run = run
    }
}

private let kernels = [
    Kernel("float16 encode nearest") { tc_float16_encode_nearest($0.row, $0.float16, $1) },
    Kernel("float16 encode stochastic") {
        tc_float16_encode_stochastic($0.row, $0.float16, $1, 7)
    },
    Kernel("float16 decode") { tc_float16_decode($0.float16, $0.row, $1) },
    Kernel("int16 encode stochastic") {
        $0.result = tc_int16_encode_stochastic($0.row, $0.int16, $1, 7)
    },
    Kernel("int16 encode nearest") { $0.result = tc_int16_encode_nearest($0.row, $0.int16, $1) },
    Kernel("int8 encode nearest") { $0.result = tc_int8_encode_nearest($0.row, $0.int8, $1) },
    Kernel("int16 decode") { tc_int16_decode($0.int16, 0.37, $0.row, $1) },
    Kernel("int8 encode stochastic") {
        $0.result = tc_int8_encode_stochastic($0.row, $0.int8, $1, 7)
    },
    Kernel("int8 decode") { tc_int8_decode($0.int8, 0.37, $0.row, $1) },
    Kernel("sgd") { tc_sgd_step($0.row, $0.gradient, $1, 0.05) },
    Kernel("momentum") { tc_momentum_step($0.row, $0.first, $0.gradient, $1, 0.05, 0.9) },
    Kernel("adagrad") { tc_adagrad_step($0.row, $0.first, $0.gradient, $1, 0.05, 1e-10) },
    Kernel("row-wise adagrad") {
        tc_rowwise_adagrad_step($0.row, &$0.result, $0.gradient, $1, 0.05, 1e-10)
    },
    Kernel("adam") {
        tc_adam_step($0.row, $0.first, $0.second, $0.gradient, $1, 0.05, 0.1, 0.001, 1e-8)
    },
    Kernel("ftrl") {
        tc_ftrl_step($0.row, $0.first, $0.second, $0.gradient, $1, 0.05, 1, 0.1, 0.01)
    },
    Kernel("uniform") { tc_initialize_uniform($0.row, $1, 3, 11, -0.1, 0.3) },
    Kernel("normal") { tc_initialize_normal($0.row, $1, 3, 11, 0.1, 0.3) },
    Kernel("add") { tc_add($0.row, $0.gradient, $1) },
    Kernel("add scaled") { tc_add_scaled($0.row, $0.gradient, $1, 0.3) },
    Kernel("scale") { tc_scale($0.row, $1, 0.3) },
    Kernel("max") { tc_max($0.row, $0.gradient, $1) },
    Kernel("square") { tc_square($0.first, $1) },
    Kernel("square root") { tc_square_root($0.first, $1) },
    Kernel("count losses") {
        let losses = tc_count_losses($0.row, $0.gradient, $0.first, $1, 0.5)
        $0.result = Float(losses.clipped + 5000 * losses.moved + 3 * losses.vanished)
    },
    Kernel("all finite") { $0.result = tc_all_finite($0.row, $1) ? 1 : 2 },
]

/// The levels above portable that this processor has.
private let fasterLevels: [tc_level] = {
    let inUse = tc_level_in_use()
    defer { _ = tc_level_use(inUse) }
    return [TC_LEVEL_AVX2, TC_LEVEL_AVX512].filter { tc_level_use($0) == $0 }
}()

/// The level belongs to the whole process: these tests are the only ones that change it.
@Suite(.serialized)
struct LevelTests {
    @Test(arguments: kernels)
    private func everyLevelWritesThePortableBitsAndNothingElse(kernel: Kernel) {
        let inUse = tc_level_in_use()
        defer { _ = tc_level_use(inUse) }
        for count in Array(0...70) + [4096] {
            for offset in [0, 1, 7] {
                let seed = UInt64(count * 10 + offset)
                let portable = Workspace(offset: offset, count: count, seed: seed)
                let before = portable.bytes
                _ = tc_level_use(TC_LEVEL_PORTABLE)
                kernel.run(portable, count)
                #expect(
                    portable.firstStrayWrite(since: before, offset: offset, count: count) == nil,
                    "count \(count), offset \(offset)")

                for level in fasterLevels {
                    let other = Workspace(offset: offset, count: count, seed: seed)
                    _ = tc_level_use(level)
                    kernel.run(other, count)
                    #expect(
                        other.bytes == portable.bytes,
                        "level \(level.rawValue), count \(count), offset \(offset)")
                    #expect(other.result.bitPattern == portable.result.bitPattern)
                }
            }
        }
    }

    @Test func everyLevelTreatsSpecialFloatsAlike() {
        let inUse = tc_level_in_use()
        defer { _ = tc_level_use(inUse) }
        var generator = SeededGenerator(seed: 20)
        for round in 0..<20_000 {
            let row = (0..<19).map { _ in
                Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &generator))
            }
            _ = tc_level_use(TC_LEVEL_PORTABLE)
            let portable = encodings(of: row, stream: UInt64(round))
            for level in fasterLevels {
                _ = tc_level_use(level)
                #expect(encodings(of: row, stream: UInt64(round)) == portable, "\(row)")
            }
        }
    }

    private func encodings(of row: [Float], stream: UInt64) -> [UInt32] {
        var nearest = [UInt16](repeating: 0, count: row.count)
        var stochastic = nearest
        var int16 = [Int16](repeating: 0, count: row.count)
        var int8 = [Int8](repeating: 0, count: row.count)
        tc_float16_encode_nearest(row, &nearest, row.count)
        tc_float16_encode_stochastic(row, &stochastic, row.count, stream)
        let scale16 = tc_int16_encode_stochastic(row, &int16, row.count, stream)
        let scale8 = tc_int8_encode_stochastic(row, &int8, row.count, stream)
        return nearest.map(UInt32.init) + stochastic.map(UInt32.init)
            + int16.map { UInt32(bitPattern: Int32($0)) }
            + int8.map { UInt32(bitPattern: Int32($0)) }
            + [scale16.bitPattern, scale8.bitPattern]
    }

    @Test func aLevelThatTheProcessorLacksFallsBackToTheBestBelow() {
        let inUse = tc_level_in_use()
        defer { _ = tc_level_use(inUse) }
        let best = fasterLevels.last ?? TC_LEVEL_PORTABLE
        #expect(tc_level_use(TC_LEVEL_AVX512) == best)
        #expect(tc_level_in_use() == best)
        #expect(tc_level_use(TC_LEVEL_PORTABLE) == TC_LEVEL_PORTABLE)
        #expect(tc_level_in_use() == TC_LEVEL_PORTABLE)
    }

    @Test func aLevelIsCalledAsTheEnvironmentCallsIt() {
        #expect(String(cString: tc_level_name(TC_LEVEL_PORTABLE)) == "portable")
        #expect(String(cString: tc_level_name(TC_LEVEL_AVX2)) == "avx2")
        #expect(String(cString: tc_level_name(TC_LEVEL_AVX512)) == "avx512")
    }
}
