import Benchmark
import EmbeddingWire
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension BenchmarkMetric {
    fileprivate static var timePerFrame: BenchmarkMetric {
        .custom("Time per frame (ns)", polarity: .prefersSmaller, useScalingFactor: false)
    }

    /// The rate in percent of a memcpy of the body to memory that is there already.
    fileprivate static var shareOfBodyCopy: BenchmarkMetric {
        .custom("Rate of memcpy (%)", polarity: .prefersLarger, useScalingFactor: false)
    }
}

/// Frames to requests, and rows to replies. Bodies are views, so reading a frame should take the
/// same time whatever its length.
func codecSuite() {
    let ids = (0..<batchRows).map { id(ofRow: $0) }
    decode("codec decode of a pull, \(batchRows) ids") {
        RequestEncoder().pull(table: 1, ids: ids, create: true)
    }
    decode("codec decode of a push, \(batchRows) ids") {
        RequestEncoder().push(
            table: 1, dimension: rowFloats, ids: ids,
            gradients: Array(repeating: 0.01, count: batchRows * rowFloats))
    }
    Benchmark.add(
        "codec encode of a reply, \(batchRows) rows",
        metrics: [.timePerFrame, .shareOfBodyCopy], maxDuration: .milliseconds(500)
    ) {
        [Float](repeating: 0.01, count: batchRows * rowFloats)
    } measure: { benchmark, rows in
        measureReply(of: rows, benchmark)
    }
}

private func decode(_ name: String, _ frame: @escaping () -> ByteBuffer) {
    Benchmark.add(
        name, metrics: [.timePerFrame], maxDuration: .milliseconds(500), setUp: frame
    ) { benchmark, frame in
        let repeats = 5000
        let limits = Limits(
            frameBytesMax: 64 << 20, idsMax: 1 << 20, requestsInFlightMax: 1024)
        var decoder = FrameDecoder(frameBytesMax: limits.frameBytesMax)
        let elapsed = try ContinuousClock().measure {
            for _ in 0..<repeats {
                var stream = frame
                // A whole frame is there.
                let request = try Request(
                    decoder.decode(buffer: &stream)!, limits: limits, granted: .all)
                blackHole(request)
            }
        }
        benchmark.measurement(
            .timePerFrame, Int(elapsed / .nanoseconds(1) / Double(repeats)))
    }
}

/// Makes a reply as the dispatcher does: begins it, then has the rows written behind the header.
private func measureReply(of rows: [Float], _ benchmark: Benchmark) {
    let repeats = 200
    let clock = ContinuousClock()
    let request = FrameHeader(
        bodyBytes: 0, requestID: 1, operation: EmbeddingWire.Operation.pull.rawValue,
        options: FrameOptions(format: .float32, create: true), table: 1)
    let layout = RowsLayout(
        rows: batchRows, dimension: rowFloats, format: .float32, hasFound: false)
    let reply = Reply(to: request, allocator: ByteBufferAllocator())
    rows.withUnsafeBytes { source in
        let target = UnsafeMutableRawBufferPointer.allocate(
            byteCount: source.count, alignment: 64)
        defer { target.deallocate() }
        target.copyMemory(from: source)  // so that its pages are there
        let copy = clock.measure {
            for _ in 0..<repeats {
                target.copyMemory(from: source)
                blackHole(target)
            }
        }
        let encode = clock.measure {
            for _ in 0..<repeats {
                var frame = reply.beginRows(layout)
                frame.writeWithUnsafeMutableBytes(minimumWritableBytes: layout.byteCount) {
                    $0.copyMemory(from: source)
                    return source.count
                }
                blackHole(frame)
            }
        }
        benchmark.measurement(
            .timePerFrame, Int(encode / .nanoseconds(1) / Double(repeats)))
        benchmark.measurement(.shareOfBodyCopy, Int(100 * (copy / encode)))
    }
}
