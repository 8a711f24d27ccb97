import Testing

@testable import CTRLab

/// Every model as a whole: its gradients, and what it says by its formula.
@Suite struct ModelTests {
    private static let numberNetworks: [NumberNetwork] = [
        .none, .dlrm(hidden: [5]), .autoDis(metaEmbeddings: 4, temperature: 0.5),
    ]

    private func batch(labels: Int) -> Batch {
        Batch(
            ids: [10, 11, 12, 13, 14], freshCount: 5,
            bags: FieldBags(
                examples: 4, fields: 3, rows: [0, 1, 2, 0, 3, 4, 1, 1, 2, 3, 0, 2],
                weights: [1, 1, 0.5, 1, 1, 1, 2, 1, 1, 1, 1, 1]),
            numbers: GradientCheck.matrix(4, 2, seed: 8),
            labels: Matrix(4, labels, (0..<4 * labels).map { Float($0 % 2) }))
    }

    private func network(
        _ kind: ModelKind, _ numbers: NumberNetwork, labels: Int = 1, batchNorm: Bool = false,
        interaction: NetworkSettings.Interaction = .dot
    ) throws -> CTRNetwork {
        try CTRNetwork(
            kind, dimension: 3, features: FeatureShape(fields: 3, numbers: 2, labels: labels),
            settings: NetworkSettings(
                hidden: [6, 4], batchNorm: batchNorm, crossLayers: 2, interactionMaps: [3, 2],
                interaction: interaction),
            numbers: numbers, seed: 5)
    }

    @Test(arguments: ModelKind.allCases, numberNetworks)
    func rowGradientsAreDifferences(kind: ModelKind, numbers: NumberNetwork) throws {
        let labels = kind == .sharedBottom ? 2 : 1
        let network = try network(kind, numbers, labels: labels)
        let batch = batch(labels: labels)
        let rows = GradientCheck.matrix(5, kind.rowDimension(dimension: 3), seed: 3)
        let pass = Pass(isTraining: false)
        #expect(network.logits(batch, rows: Variable(rows), pass).rows == 4)
        // Steps are small, or they cross the corners of rectifiers.
        GradientCheck.check([rows], step: 2e-3, tolerance: 2e-2) {
            network.logits(batch, rows: $0[0], Pass(isTraining: false)).crossEntropy(batch.labels)
        }
    }

    /// With its embeddings joined it is a network on all that there is of an example.
    @Test(arguments: numberNetworks)
    func dlrmJoinsEmbeddings(numbers: NumberNetwork) throws {
        let batch = batch(labels: 1)
        let rows = GradientCheck.matrix(5, 3, seed: 3)
        func logits(
            _ kind: ModelKind, _ interaction: NetworkSettings.Interaction
        ) throws -> [Float] {
            try network(kind, numbers, interaction: interaction)
                .logits(batch, rows: Variable(rows), Pass(isTraining: false)).value.values
        }
        #expect(try logits(.dlrm, .cat) == logits(.dnn, .cat))
        #expect(try logits(.dlrm, .dot) != logits(.dnn, .dot))
    }

    @Test(arguments: ModelKind.allCases)
    func stepsOfTheDensePartLowerTheLoss(kind: ModelKind) throws {
        for batchNorm in [false, true] {
            let network = try network(kind, .dlrm(hidden: [4]), batchNorm: batchNorm)
            let batch = batch(labels: 1)
            let rows = GradientCheck.matrix(5, kind.rowDimension(dimension: 3), seed: 3)
            var losses: [Float] = []
            for step in 1...60 {
                let pass = Pass(isTraining: true)
                let loss = network.logits(batch, rows: Variable(rows), pass)
                    .crossEntropy(batch.labels)
                loss.differentiate()
                // What is trained is what there is.
                if kind != .lr && kind != .fm {
                    #expect(pass.gradients.count == network.parameters.all.count)
                }
                DenseOptimizer.adam(learningRate: 0.01).move(pass.gradients, step: step)
                losses.append(loss.value.values[0])
            }
            #expect(losses.last! < losses[0], "\(losses[0]) → \(losses.last!)")
        }
    }

    @Test func theFactorizationMachineIsItsFormula() throws {
        let network = try CTRNetwork(
            .fm, dimension: 3, features: FeatureShape(fields: 3, numbers: 0, labels: 1),
            settings: NetworkSettings(), numbers: .none, seed: 1)
        let bags = FieldBags(examples: 1, fields: 3, rows: [0, 1, 2])
        let batch = Batch(
            ids: [1, 2, 3], freshCount: 3, bags: bags, numbers: Matrix(zeros: 1, 0),
            labels: Matrix(1, 1, [1]))
        let rows = Matrix(3, 4, [1, 2, 3, 0.5, 4, 5, 6, 0.25, 7, 8, 9, -1])
        let logit = network.logits(batch, rows: Variable(rows), Pass(isTraining: false))
        let pairs: Float = (4 + 10 + 18) + (7 + 16 + 27) + (28 + 40 + 54)
        #expect(abs(logit.value.values[0] - (0.5 + 0.25 - 1 + pairs)) < 1e-3)
    }

    @Test func dropoutIsForTrainingOnly() throws {
        let network = try CTRNetwork(
            .dnn, dimension: 3, features: FeatureShape(fields: 3, numbers: 2, labels: 1),
            settings: NetworkSettings(hidden: [64], dropout: 0.5), numbers: .none, seed: 1)
        let batch = batch(labels: 1)
        let rows = Variable(GradientCheck.matrix(5, 3, seed: 3))
        func logits(_ training: Bool, _ seed: UInt64) -> Matrix {
            let pass = Pass(isTraining: training, random: SplitMix64(seed: seed))
            return network.logits(batch, rows: rows, pass).value
        }
        #expect(logits(false, 1) == logits(false, 2))
        #expect(logits(true, 1) == logits(true, 1))
        #expect(logits(true, 1) != logits(true, 2))
    }

    @Test func batchNormRemembersTheMeans() throws {
        let parameters = Parameters(seed: 1)
        let norm = BatchNorm(parameters, "norm", columns: 1)
        let x = Variable(Matrix(4, 1, [1, 3, 5, 7]))
        for _ in 0..<200 { _ = norm(x, Pass(isTraining: true)) }
        // Mean 4, unbiased variance 20/3.
        let value = norm(Variable(Matrix(1, 1, [4 + 2])), Pass(isTraining: false)).value.values[0]
        #expect(abs(value - 2 / (Float(20) / 3).squareRoot()) < 1e-3)
    }

    @Test func severalLabelsNeedASharedBottom() {
        #expect(throws: CTRLabError.self) { try network(.deepFM, .none, labels: 2) }
    }

    @Test func theSeedDecidesTheStart() throws {
        func weights(_ seed: UInt64) throws -> [Matrix] {
            try CTRNetwork(
                .deepFM, dimension: 3, features: FeatureShape(fields: 3, numbers: 2, labels: 1),
                settings: NetworkSettings(hidden: [6]), numbers: .none, seed: seed
            ).parameters.all.map(\.value)
        }
        #expect(try weights(1) == weights(1))
        #expect(try weights(1) != weights(2))
    }
}
