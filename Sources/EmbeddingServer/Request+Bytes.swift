internal import EmbeddingWire

// The ids and values of a request where they lie, for calls of the store.

extension Request {
    /// The ids of a request that names any.
    func withIDs<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let ids else { preconditionFailure("a request without ids") }
        return try ids.withBytes(body)
    }

    /// The ids of a push or assign, and its gradients or rows.
    func withRows<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer, UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        switch self {
        case .push(_, _, let ids, let values), .assign(_, _, let ids, let values):
            return try ids.withBytes { (ids) throws(Failure) in
                try values.withFloats { (values) throws(Failure) in try body(ids, values) }
            }
        default: preconditionFailure("a request without rows")
        }
    }
}

extension WireArray {
    /// `withUnsafeBytes` that keeps the type of the error.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outcome: Swift.Result<Result, Failure> = withUnsafeBytes { bytes in
            do throws(Failure) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}

extension WireFloats {
    /// The floats where they are, or a copy of them where they are not aligned.
    func withFloats<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withBytes { (bytes) throws(Failure) in
            guard Int(bitPattern: bytes.baseAddress) % 4 == 0 else {
                return try array.withUnsafeBufferPointer(body)
            }
            return try body(bytes.assumingMemoryBound(to: Float.self))
        }
    }
}
