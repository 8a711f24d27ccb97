import Foundation
import NIOCore
import Testing

@testable import EmbeddingWire

/// One message of `Tests/Golden/frames.json`, which `Tests/Golden/README.md` describes.
struct GoldenFrame: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var direction: Direction
    var hex: String
    var fields: Fields

    enum Direction: String, Decodable, Sendable {
        case hello, welcome, request, reply
    }

    /// The fields of every kind of message; those of other kinds are absent.
    struct Fields: Decodable, Sendable {
        var versionLowest: UInt16?
        var versionHighest: UInt16?
        var capabilities: UInt32?
        var credentialHex: String?
        var version: UInt16?
        var status: UInt16?
        var frameBytesMax: Int?
        var idsMax: Int?
        var requestsInFlightMax: Int?
        var message: String?
        var operation: String?
        var requestId: UInt32?
        var table: UInt32?
        var payloadHex: String?
        var ifExists: String?
        var tableName: String?
        var schema: Schema?
        var tables: [Table]?
        var create: Bool?
        var format: String?
        var ids: [String]?
        var dimension: Int?
        var gradients: [[Float]]?
        var rows: [[Float]]?
        var scales: [Float]?
        var quantized: [[Int16]]?
        var found: [Bool]?
        var offsets: [String]?
        var mode: String?
        var weights: [Float]?
        var count: String?
        var minFrequency: UInt32?
        var maxAge: UInt32?
        var json: String?
        var path: String?
        var byteCount: String?
        var inode: String?
        var descriptor: UInt32?
        var place: String?
        var errorName: String?
        var retryAfterMs: UInt32?
    }

    struct Table: Decodable, Sendable {
        var table: UInt32
        var tableName: String
        var schema: Schema
    }

    struct Schema: Decodable, Sendable {
        var dimension: UInt32
        var hot: String
        var cold: String
        var optimizer: Named<Double>
        var initializer: Named<Double>
        var scheme: Named<String>
        var admissionCount: UInt32
        var seed: String
        var state: String
        var fieldBits: UInt8
        var timeToLive: UInt32
    }

    struct Named<Parameter: Decodable & Sendable>: Decodable, Sendable {
        var name: String
        var parameters: [Parameter]
    }

    var testDescription: String { name }

    var bytes: ByteBuffer { ByteBuffer(bytes: Self.bytes(hex: hex)) }

    /// The frames of one direction, in the file's order.
    static func all(_ direction: Direction) -> [GoldenFrame] {
        everything.filter { $0.direction == direction }
    }

    static let everything: [GoldenFrame] = {
        struct File: Decodable { var frames: [GoldenFrame] }
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Golden/frames.json")
        // A test cannot go on without the file.
        return try! JSONDecoder().decode(File.self, from: Data(contentsOf: path)).frames
    }()

    static func bytes(hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).map { offset in
            let start = hex.index(hex.startIndex, offsetBy: offset)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16)!
        }
    }
}

extension GoldenFrame.Schema {
    /// The schema in the codec's types, built from the names.
    var tableSchema: TableSchema {
        let p = optimizer.parameters
        let optimizers: [String: () -> Optimizer] = [
            "sgd": { .sgd(learningRate: p[0]) },
            "momentum": { .momentum(learningRate: p[0], momentum: p[1]) },
            "adagrad": {
                .adagrad(learningRate: p[0], initialAccumulator: p[1], epsilon: p[2])
            },
            "rowwiseAdagrad": {
                .rowwiseAdagrad(learningRate: p[0], initialAccumulator: p[1], epsilon: p[2])
            },
            "adam": { .adam(learningRate: p[0], beta1: p[1], beta2: p[2], epsilon: p[3]) },
            "ftrl": { .ftrl(alpha: p[0], beta: p[1], l1: p[2], l2: p[3]) },
        ]
        let i = initializer.parameters
        let initializers: [String: () -> Initializer] = [
            "zeros": { .zeros },
            "constant": { .constant(i[0]) },
            "uniform": { .uniform(low: i[0], high: i[1]) },
            "normal": { .normal(mean: i[0], standardDeviation: i[1]) },
        ]
        let s = scheme.parameters.map { UInt64($0)! }
        let schemes: [String: () -> Scheme] = [
            "full": { .full },
            "hashed": { .hashed(rows: s[0]) },
            "doubleHashed": { .doubleHashed(rows: s[0], combine: .init(rawValue: s[1])!) },
            "frequencyDoubleHashed": {
                .frequencyDoubleHashed(
                    own: s[0], shared: s[1], score: .init(rawValue: s[2])!)
            },
            "frequencyFiltered": { .frequencyFiltered(counters: s[0]) },
            "quotientRemainder": {
                .quotientRemainder(rows: s[0], combine: .init(rawValue: s[1])!)
            },
            "deepHash": { .deepHash(hashes: s[0], hidden: s[1]) },
        ]
        let precisions: [String: Precision] = [
            "float32": .float32, "float16": .float16, "int16": .int16, "int8": .int8,
        ]
        return TableSchema(
            dimension: dimension, hot: precisions[hot]!, cold: precisions[cold]!,
            optimizer: optimizers[optimizer.name]!(),
            initializer: initializers[initializer.name]!(), scheme: schemes[scheme.name]!(),
            admissionCount: admissionCount, seed: UInt64(seed)!, state: precisions[state]!,
            fieldBits: fieldBits, timeToLive: timeToLive)
    }
}

extension GoldenFrame.Fields {
    var idValues: [UInt64] { ids!.map { UInt64($0)! } }
    var offsetValues: [UInt64] { offsets!.map { UInt64($0)! } }
    var byteCountValue: UInt64 { UInt64(byteCount!)! }
    var placeValue: UInt64? { place.map { UInt64($0)! } }

    var sharedMemory: SharedMemory {
        SharedMemory(
            byteCount: byteCountValue, inode: UInt64(inode!)!, descriptor: descriptor!)
    }

    var rowFormat: RowFormat {
        ["float32": .float32, "float16": .float16, "int16": .int16][format ?? "float32"]!
    }

    var bagMode: PoolMode { ["sum": .sum, "mean": .mean, "max": .max][mode!]! }

    var ifExistsChoice: IfExists { ["error": .error, "open": .open][ifExists!]! }

    var operationCode: EmbeddingWire.Operation {
        EmbeddingWire.Operation.allCases.first { "\($0)" == operation }!
    }
}
