import Foundation
import Testing

@testable import EmbeddingStore

/// The network behind a `deepHash` table, without the table.
@Suite struct DeepHashNetworkTests {
    /// A network with parameters at random, so that no gain is 1 and no shift 0.
    private struct Subject {
        let network: DeepHashNetwork
        var parameters: [Float]

        init(_ hashes: Int, _ hidden: Int, _ dimension: Int, seed: UInt64 = 3) {
            let shape = DeepHashShape(hashes: hashes, hidden: hidden, dimension: dimension)
            network = DeepHashNetwork(shape: shape, seed: seed)
            let start = DeepHashStart(
                shape: shape, initializer: .uniform(low: -0.5, high: 0.5), seed: seed)
            parameters = start.parameters()
            let noise = DeepHashStart(
                shape: shape, initializer: .uniform(low: -1, high: 1), seed: seed + 1
            ).parameters()
            for index in 0..<shape.parameterCount {
                parameters[index] += 0.2 * noise[index] - 0.1
            }
        }

        func rows(_ ids: [UInt64]) -> [[Float]] {
            var rows: [[Float]] = []
            let dimension = network.shape.dimension
            ids.withUnsafeBytes { bytes in
                unsafe network.forward(Keys(bytes), parameters: parameters) { position, row in
                    #expect(position == rows.count)
                    unsafe rows.append(
                        Array(UnsafeBufferPointer(start: row, count: dimension)))
                }
            }
            return rows
        }

        func gradient(_ ids: [UInt64], _ rows: [Float]) -> [Float] {
            let dimension = network.shape.dimension
            return ids.withUnsafeBytes { bytes in
                rows.withUnsafeBufferPointer { rows in
                    unsafe network.backward(Keys(bytes), parameters: parameters) {
                        unsafe rows.baseAddress! + $0 * dimension
                    }
                }
            }
        }
    }

    private func normals(_ count: Int, seed: UInt64) -> [Float] {
        var result = [Float](repeating: 0, count: count)
        result.withUnsafeMutableBufferPointer {
            unsafe Initializer.normal(mean: 0, deviation: 1).fill(
                $0.baseAddress!, count: count, seed: seed, key: 0)
        }
        return result
    }

    @Test func sectionsFillTheParameters() {
        let shape = DeepHashShape(hashes: 10, hidden: 6, dimension: 3)
        var end = 0
        for number in 0..<DeepHashShape.hiddenLayers {
            let layer = shape.hiddenLayer(number)
            #expect(layer.weights == end..<end + layer.inputs * 6)
            #expect(layer.gain == layer.weights.upperBound..<layer.weights.upperBound + 6)
            #expect(layer.shift == layer.gain.upperBound..<layer.gain.upperBound + 6)
            end = layer.shift.upperBound
        }
        #expect(shape.outputLayer.weights == end..<end + 18)
        #expect(shape.outputLayer.bias == end + 18..<end + 21)
        #expect(shape.parameterCount == end + 21)
        #expect(shape.rowCount == 2 && shape.paddedCount == 512)
    }

    @Test(arguments: [(16, 8, 4), (33, 17, 5), (5, 2, 1), (130, 64, 16)])
    func agreesWithDoubles(hashes: Int, hidden: Int, dimension: Int) {
        let subject = Subject(hashes, hidden, dimension)
        let reference = DeepHashReference(
            shape: subject.network.shape, encoding: subject.network.encoding)
        let ids: [UInt64] = [0, 1, .max, 1 << 63, 12_345]
        for (id, row) in zip(ids, subject.rows(ids)) {
            let expected = reference.row(id, subject.parameters.map(Double.init))
            for (got, expected) in zip(row, expected) {
                #expect(abs(Double(got) - expected) < 2e-5, "id \(id)")
            }
        }
    }

    /// A row does not depend on the ids beside it, nor on its place, bit for bit.
    @Test(arguments: [(32, 16, 4), (100, 33, 7), (128, 64, 16)])
    func aRowIsTheSameInEveryBatch(hashes: Int, hidden: Int, dimension: Int) {
        let subject = Subject(hashes, hidden, dimension)
        let ids = (0..<150).map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 }
        let rows = subject.rows(ids)
        #expect(rows.count == 150)
        #expect(subject.rows(ids.reversed()) == rows.reversed())
        for count in [1, 2, 3, 7, 8, 9, 63, 64, 65] {
            #expect(subject.rows(Array(ids[40..<40 + count])) == Array(rows[40..<40 + count]))
        }
        #expect(subject.rows([]).isEmpty)
        #expect(subject.rows([ids[3], ids[3]]) == [rows[3], rows[3]])
    }

    /// One row is always like itself, and so are eight on every kernel that has been looked at.
    @Test func rowsOfAProductAreTreatedAlike() {
        #expect(MatrixProduct.treatsRowsAlike(1, columns: 64, inner: 128))
        let tile = DeepHashNetwork(
            shape: DeepHashShape(hashes: 128, hidden: 64, dimension: 16), seed: 1
        ).tileIDs
        let eightAreAlike = [(64, 128), (64, 64), (16, 64)].allSatisfy {
            MatrixProduct.treatsRowsAlike(8, columns: $0.0, inner: $0.1)
        }
        #expect(tile == (eightAreAlike ? 8 : 1))
    }

    /// Differences of the network in doubles, for each parameter.
    @Test(arguments: [(12, 6, 3), (9, 5, 2)])
    func gradientsAreDifferences(hashes: Int, hidden: Int, dimension: Int) {
        let subject = Subject(hashes, hidden, dimension)
        let shape = subject.network.shape
        let reference = DeepHashReference(shape: shape, encoding: subject.network.encoding)
        // More than a tile, and one of them twice.
        let ids: [UInt64] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3]
        let weights = normals(ids.count * dimension, seed: 4)
        let gradient = subject.gradient(ids, weights)
        #expect(gradient.count == shape.paddedCount)
        #expect(gradient[shape.parameterCount...].allSatisfy { $0 == 0 })
        func value(_ parameters: [Double]) -> Double {
            var sum = 0.0
            for (place, id) in ids.enumerated() {
                for (index, element) in reference.row(id, parameters).enumerated() {
                    sum += element * Double(weights[place * dimension + index])
                }
            }
            return sum
        }
        var sections: [(String, Range<Int>)] = [
            ("output weights", shape.outputLayer.weights), ("output bias", shape.outputLayer.bias),
        ]
        for number in 0..<DeepHashShape.hiddenLayers {
            let layer = shape.hiddenLayer(number)
            sections.append(("weights \(number)", layer.weights))
            sections.append(("gain \(number)", layer.gain))
            sections.append(("shift \(number)", layer.shift))
        }
        let parameters = subject.parameters.map(Double.init)
        let step = 1e-5
        for (name, range) in sections {
            var squaredError = 0.0
            var squared = 0.0
            for index in range {
                var (above, below) = (parameters, parameters)
                above[index] += step
                below[index] -= step
                let difference = (value(above) - value(below)) / (2 * step)
                let error = Double(gradient[index]) - difference
                squaredError += error * error
                squared += difference * difference
            }
            #expect(squared > 0, "\(name)")
            #expect((squaredError / squared).squareRoot() < 2e-5, "\(name)")
        }
    }

    /// Blocks are added up: many ids at once are as many by themselves.
    @Test func gradientsOfBlocksAddUp() {
        let subject = Subject(16, 8, 4)
        let ids = (0..<150).map { UInt64($0) }
        let gradients = normals(ids.count * 4, seed: 5)
        let whole = subject.gradient(ids, gradients)
        var sum = [Double](repeating: 0, count: whole.count)
        for place in ids.indices {
            let one = subject.gradient([ids[place]], Array(gradients[place * 4..<place * 4 + 4]))
            for index in sum.indices { sum[index] += Double(one[index]) }
        }
        for index in sum.indices {
            #expect(abs(Double(whole[index]) - sum[index]) < 1e-4 * max(1, abs(sum[index])))
        }
    }

    @Test func mishAgreesWithDoubles() {
        for step in -4000...4000 {
            let x = Float(step) / 40
            let softplus = x > 30 ? Double(x) : log1p(exp(Double(x)))
            let expected = Double(x) * tanh(softplus)
            #expect(abs(Double(NormalizedMish.mish(x)) - expected) <= 4e-7 * abs(expected) + 1e-30)
            if abs(x) < 80 {
                let sigmoid = 1 / (1 + exp(-Double(x)))
                let slope =
                    tanh(softplus) + Double(x) * sigmoid * (1 - tanh(softplus) * tanh(softplus))
                #expect(abs(Double(NormalizedMish.mishSlope(x)) - slope) <= 1e-6)
            }
        }
    }

    /// New rows look like those of the table's initializer.
    @Test(arguments: [
        Initializer.uniform(low: -0.01, high: 0.03), .normal(mean: 1, deviation: 0.25),
        .constant(2), .zeros,
    ])
    func rowsStartLikeTheInitializer(initializer: Initializer) {
        var subject = Subject(64, 32, 16)
        subject.parameters =
            DeepHashStart(shape: subject.network.shape, initializer: initializer, seed: 11)
            .parameters()
        let rows = subject.rows((0..<300).map { UInt64($0) }).flatMap { $0 }.map(Double.init)
        let mean = Double(initializer.mean)
        let deviation = Double(initializer.deviation)
        let squares = rows.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows.count)
        #expect(squares.squareRoot() >= 0.6 * deviation)
        #expect(squares.squareRoot() <= 1.6 * deviation)
    }

    @Test func parametersStartBySeedAndPlace() {
        let shape = DeepHashShape(hashes: 40, hidden: 16, dimension: 8)
        let start = DeepHashStart(shape: shape, initializer: .zeros, seed: 5)
        let parameters = start.parameters()
        var row = [Float](repeating: .nan, count: DeepHashShape.rowLength)
        row.withUnsafeMutableBufferPointer { unsafe start.fill($0.baseAddress!, key: 2) }
        #expect(Array(parameters[512..<768]) == row)
        #expect(start.parameters() == parameters)
        #expect(
            DeepHashStart(shape: shape, initializer: .zeros, seed: 6).parameters() != parameters)
        let layer = shape.hiddenLayer(0)
        let bound = Float(6.0 / 40).squareRoot()
        let weights = parameters[layer.weights]
        #expect(weights.allSatisfy { abs($0) <= bound })
        #expect(weights.contains { $0 > 0.9 * bound } && weights.contains { $0 < -0.9 * bound })
        #expect(parameters[layer.gain].allSatisfy { $0 == 1 })
        #expect(parameters[layer.shift].allSatisfy { $0 == 0 })
        #expect(parameters[shape.parameterCount...].allSatisfy { $0 == 0 })
    }

    /// Random rows for some hundred ids, learned with Adam as a table would take its steps.
    @Test func learnsRandomRows() {
        var subject = Subject(64, 32, 8)
        let shape = subject.network.shape
        subject.parameters =
            DeepHashStart(
                shape: shape, initializer: .uniform(low: -0.01, high: 0.01), seed: 2
            ).parameters()
        let ids = (0..<256).map { UInt64($0) }
        let targets = normals(ids.count * 8, seed: 8)
        let rule = StepRule(
            TableSchema(
                dimension: 8,
                optimizer: .adam(learningRate: 0.005, beta1: 0.9, beta2: 0.999, epsilon: 1e-8)))
        var state = [Float](repeating: 0, count: 2 * shape.paddedCount)
        func error(_ rows: [Float]) -> Double {
            zip(rows, targets).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
                / Double(targets.count)
        }
        let before = error(subject.rows(ids).flatMap { $0 })
        for push in 1...150 {
            let rows = subject.rows(ids).flatMap { $0 }
            let gradient = subject.gradient(ids, zip(rows, targets).map { ($0 - $1) / 8 })
            subject.parameters.withUnsafeMutableBufferPointer { parameters in
                state.withUnsafeMutableBufferPointer { state in
                    gradient.withUnsafeBufferPointer { gradient in
                        unsafe rule.step(
                            row: parameters.baseAddress!, state: state.baseAddress!,
                            gradient: gradient.baseAddress!, count: shape.paddedCount,
                            stepSize: rule.stepSize(push: push))
                    }
                }
            }
        }
        let after = error(subject.rows(ids).flatMap { $0 })
        #expect(after < before / 10, "\(before) → \(after)")
    }
}
