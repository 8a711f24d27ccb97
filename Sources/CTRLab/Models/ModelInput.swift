/// What a model sees of a batch.
///
/// A row of the store is `[v | w]`: the embedding, then the linear weight, for models that use it.
final class ModelInput {
    /// Fields with an embedding.
    let fields: Int
    /// Numbers that come as they are: examples × numbers; nil without any.
    let numbers: Variable?
    /// The embeddings that numbers have, the last of the fields; nil without any.
    let numberEmbeddings: Variable?
    /// The embedding of all numbers together, one of the fields; nil unless DLRM's network made it.
    let numberVector: Variable?
    /// v of every field, side by side: examples × (fields · dimension).
    private(set) lazy var embeddings: Variable = {
        let ids = rows.gathered(bags, columns: 0..<dimension)
        return numberEmbeddings.map { .joined([ids, $0]) } ?? ids
    }()
    /// `Σ w`, one column.
    private(set) lazy var linear: Variable =
        rows.summed(bags, columns: dimension..<dimension + 1)
    /// `Σ_{i<j} v_i ⊙ v_j` over the fields: examples × dimension.
    private(set) lazy var pairs: Variable =
        numberEmbeddings == nil
        ? rows.biInteraction(bags, columns: 0..<dimension)
        : embeddings.biInteraction(fields: fields)
    /// `[v | w]` of every field of ids, side by side.
    private(set) lazy var wholeRows: Variable =
        rows.gathered(bags, columns: 0..<dimension + 1)
    /// The embeddings and the numbers side by side.
    private(set) lazy var flat: Variable = numbers.map { .joined([embeddings, $0]) } ?? embeddings

    private let rows: Variable
    private let bags: FieldBags
    private let dimension: Int

    /// - Parameters:
    ///   - rows: the batch's distinct rows.
    ///   - bags: which of them make up each field.
    ///   - numbers: examples × numbers.
    ///   - embedding: what makes embeddings of the numbers.
    init(
        rows: Variable, bags: FieldBags, numbers: Matrix, shape: ModelShape,
        embedding: NumberEmbedding?, _ pass: Pass
    ) {
        self.rows = rows
        self.bags = bags
        dimension = shape.dimension
        fields = shape.fields
        let variable = numbers.columns > 0 ? Variable(numbers) : nil
        self.numbers = embedding == nil ? variable : nil
        numberEmbeddings = variable.flatMap { numbers in embedding.map { $0(numbers, pass) } }
        if case .dlrm = embedding { numberVector = numberEmbeddings } else { numberVector = nil }
    }
}
