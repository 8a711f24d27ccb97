#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Rows of the tables that speak of memory: by default 4M, 320 MB of records and ten times the
/// last-level cache. THERMOCLINE_BENCHMARK_ROWS changes it.
let benchmarkRows: Int = {
    guard let text = getenv("THERMOCLINE_BENCHMARK_ROWS") else { return 4 << 20 }
    guard let rows = Int(String(cString: text)), rows >= batchRows, rows <= 1 << 28 else {
        fatalError("THERMOCLINE_BENCHMARK_ROWS is a number of rows, \(batchRows) to 2^28")
    }
    return rows
}()

/// Rows in one request.
let batchRows = 4096
/// Floats in a row.
let rowFloats = 16

/// The id of the row at a position: ids are spread over all 64 bits, as hashed features are.
func id(ofRow position: Int) -> UInt64 {
    SplitMix64.mix(UInt64(position) + 1)
}

/// The ids of one request, and the same rows by position for a loop that need not look them up.
struct Batch: Sendable {
    let ids: [UInt64]
    let positions: [UInt32]

    init(_ positions: [UInt32]) {
        self.positions = positions
        ids = positions.map { id(ofRow: Int($0)) }
    }
}

/// Which rows are asked for.
enum Popularity: CustomStringConvertible {
    case uniform
    case zipf(exponent: Double)
    /// Each row once before any comes again.
    case inTurn

    var description: String {
        switch self {
        case .uniform: "uniform"
        case .zipf(let exponent): "Zipf \(exponent)"
        case .inTurn: "in turn"
        }
    }

    /// `count` positions below `rows`.
    func positions(_ count: Int, rows: Int) -> [UInt32] {
        var random = SplitMix64(state: 1)
        switch self {
        case .uniform:
            return (0..<count).map { _ in UInt32.random(in: 0..<UInt32(rows), using: &random) }
        case .inTurn:
            return (0..<count).map { Self.scattered($0 % rows, rows) }
        case .zipf(let exponent):
            var sums: [Double] = []
            sums.reserveCapacity(rows)
            var sum = 0.0
            for rank in 1...rows {
                sum += pow(Double(rank), -exponent)
                sums.append(sum)
            }
            return (0..<count).map { _ in
                let point = Double.random(in: 0..<sum, using: &random)
                var low = 0
                var high = rows - 1
                while low < high {
                    let middle = (low + high) / 2
                    if sums[middle] <= point { low = middle + 1 } else { high = middle }
                }
                return Self.scattered(low, rows)
            }
        }
    }

    /// Another position for each rank, so that popular rows are no neighbours.
    private static func scattered(_ rank: Int, _ rows: Int) -> UInt32 {
        UInt32(rank * 2_654_435_761 % rows)  // a prime above every number of rows
    }
}

/// Requests, drawn beforehand, that are made over and over: enough of them that the rows of one
/// round do not stay in a cache.
struct Requests {
    private let batches: [Batch]
    private var next = 0

    init(_ popularity: Popularity, rows: Int, batchCount: Int = 512) {
        let positions = popularity.positions(batchCount * batchRows, rows: rows)
        batches = stride(from: 0, to: positions.count, by: batchRows).map {
            Batch(Array(positions[$0..<$0 + batchRows]))
        }
    }

    /// The requests of one measurement.
    mutating func take(_ count: Int) -> [Batch] {
        (0..<count).map { _ in
            defer { next = (next + 1) % batches.count }
            return batches[next]
        }
    }
}

/// Steele, Lea and Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    static func mix(_ number: UInt64) -> UInt64 {
        var mixed = number
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
