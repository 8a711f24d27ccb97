import Testing

@testable import CTRLab

@Suite struct IDPreparationTests {
    /// Two fields of one id each; the rows name the ids of both.
    private func log(_ rows: [(UInt64, UInt64)]) -> EncodedLog {
        var vocabulary: [UInt64] = []
        let places = rows.flatMap { [$0.0, $0.1] }.map { id -> UInt32 in
            if let place = vocabulary.firstIndex(of: id) { return UInt32(place) }
            vocabulary.append(id)
            return UInt32(vocabulary.count - 1)
        }
        return EncodedLog(
            shape: FeatureShape(fields: 2, numbers: 0, labels: 1),
            labels: rows.indices.map { Float($0 % 2) }, numbers: [], vocabulary: vocabulary,
            bags: FieldBags(examples: rows.count, fields: 2, rows: places))
    }

    private func ids(_ log: EncodedLog) -> [UInt64] {
        log.bags.rows.map { log.vocabulary[Int($0)] }
    }

    private var logs: Trainer.Logs {
        Trainer.Logs(
            training: log([(1, 11), (1, 11), (1, 12), (2, 11), (3, 13)]),
            validation: log([(1, 12), (4, 14)]), test: log([(2, 11), (5, 15)]), groupField: 0)
    }

    @Test func rareIDsOfAFieldBecomeOne() {
        let prepared = IDPreparation.mostFrequent(2).applied(to: logs)
        // 1 and 11 come three times.
        let training = ids(prepared.training)
        let rare = (training[6], training[5])
        #expect(rare.0 != rare.1 && ![1, 11].contains(rare.0) && ![1, 11].contains(rare.1))
        #expect(training == [1, 11, 1, 11, 1, rare.1, rare.0, 11, rare.0, rare.1])
        #expect(Set(prepared.training.vocabulary).count == prepared.training.vocabulary.count)
        #expect(prepared.training.vocabulary.count == 4)
        // What training has not seen is as rare as it gets.
        #expect(ids(prepared.validation) == [1, rare.1, rare.0, rare.1])
        #expect(ids(prepared.test) == [rare.0, 11, rare.0, rare.1])
    }

    @Test func groupsStayThoseOfTheLog() {
        let prepared = IDPreparation.mostFrequent(1).applied(to: logs)
        #expect(prepared.testGroups == [2, 5] && prepared.validationGroups == [1, 4])
    }

    @Test func numbersAreDenseAndTheSameInEveryPart() {
        let prepared = IDPreparation.numbered(seed: 4).applied(to: logs)
        let before = [logs.training, logs.validation, logs.test].flatMap(ids)
        let after = [prepared.training, prepared.validation, prepared.test].flatMap(ids)
        let numbers = Dictionary(
            zip(before, after),
            uniquingKeysWith: { first, second in
                #expect(first == second)
                return first
            })
        #expect(Set(numbers.values) == Set(0..<UInt64(numbers.count)))
        let other = IDPreparation.numbered(seed: 5).applied(to: logs)
        #expect(ids(other.training) != ids(prepared.training))
    }

    @Test func nothingIsDoneToIDsOtherwise() {
        #expect(IDPreparation.none.applied(to: logs).training == logs.training)
    }
}
