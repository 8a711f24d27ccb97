public import ArgumentParser
public import CTRLab

/// The model to train, and how.
struct ModelOptions: ParsableArguments {
    @Option(help: "The model.")
    var model: ModelKind = .deepFM

    @Option(
        help: ArgumentHelp(
            "Outputs of the hidden layers.", valueName: "n,…"),
        transform: SchemaSyntax.checked(FeatureSyntax.widths))
    var hidden: [Int] = [400, 400, 400]

    @Option(help: ArgumentHelp("Share of hidden values dropped in training.", valueName: "share"))
    var dropout: Float = 0

    @Flag(help: "Normalize the hidden layers over the batch.")
    var batchNorm = false

    @Option(help: ArgumentHelp("dcn: cross layers.", valueName: "n"))
    var crossLayers = 3

    @Option(
        help: ArgumentHelp("xdeepfm: feature maps of the interaction layers.", valueName: "n,…"),
        transform: SchemaSyntax.checked(FeatureSyntax.widths))
    var interactionMaps: [Int] = [64]

    @Option(help: "dlrm: inner products of all pairs of embeddings, or the embeddings joined.")
    var interaction: NetworkSettings.Interaction = .dot

    @Option(
        help: ArgumentHelp(
            "How numbers that are not made ids get in: none (default), dlrm:HIDDEN,… or "
                + "autodis:META,TEMPERATURE.", valueName: "spec"),
        transform: SchemaSyntax.checked(FeatureSyntax.numberNetwork))
    var numberNetwork: NumberNetwork = .none

    @Option(
        help: ArgumentHelp("Regularization λ/2·‖rows‖² of the embeddings.", valueName: "λ"))
    var embeddingL2: Float = 0

    @Option(
        help: """
            Rows that a step moves: those of its batch, or all of the training ids, as dense \
            optimizers do.
            """)
    var rowSteps: TrainingSettings.RowSteps = .batch

    @Option(
        name: .customLong("gradient-norm-max"),
        help: ArgumentHelp(
            "What the norm of all gradients of a step is reduced to where it is larger; 0 for no "
                + "limit.", valueName: "norm"))
    var gradientNormMax: Float = 0

    @Option(help: "Optimizer of the networks; --optimizer is that of the rows.")
    var networkOptimizer: Rule = .adam

    @Option(
        help: ArgumentHelp(
            "Learning rate of the networks: 0.001 for adam, 0.01 for adagrad.",
            valueName: "rate"))
    var learningRate: Float?

    @Option(help: ArgumentHelp("Examples in a batch.", valueName: "n"))
    var batch = 4096

    @Option(help: ArgumentHelp("Most epochs.", valueName: "n"))
    var epochs = 20

    @Option(
        help: ArgumentHelp(
            "Epochs without a better validation AUC after which training ends.", valueName: "n"))
    var patience = 2

    @Option(
        help: ArgumentHelp(
            "What the learning rates are multiplied by after each such epoch.",
            valueName: "factor"))
    var decay: Float = 0.1

    @Option(
        help: ArgumentHelp(
            "fnn: epochs of the factorization machine that its rows start from.", valueName: "n"))
    var pretrain = 3

    enum Rule: String, ExpressibleByArgument, CaseIterable {
        case adam, adagrad
    }

    /// - Parameters:
    ///   - dimension: floats of an embedding.
    ///   - seed: decides all that is drawn.
    func settings(dimension: Int, seed: UInt64) -> TrainingSettings {
        let optimizer: DenseOptimizer =
            switch networkOptimizer {
            case .adam: .adam(learningRate: learningRate ?? 0.001)
            case .adagrad: .adagrad(learningRate: learningRate ?? 0.01)
            }
        return TrainingSettings(
            model: model, dimension: dimension,
            network: NetworkSettings(
                hidden: hidden, dropout: dropout, batchNorm: batchNorm, crossLayers: crossLayers,
                interactionMaps: interactionMaps, interaction: interaction),
            numbers: numberNetwork, embeddingL2: embeddingL2, rowSteps: rowSteps,
            gradientNormMax: gradientNormMax, optimizer: optimizer, batchSize: batch,
            epochsMax: epochs, patience: patience,
            decay: decay,
            pretrainingEpochs: pretrain, seed: seed)
    }
}

extension ModelKind: ExpressibleByArgument {}
extension NetworkSettings.Interaction: ExpressibleByArgument {}
extension TrainingSettings.RowSteps: ExpressibleByArgument {}
