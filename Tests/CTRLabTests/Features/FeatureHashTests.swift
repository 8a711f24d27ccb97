import Testing

@testable import CTRLab

@Suite struct FeatureHashTests {
    /// Computed by another program from the description of the hash.
    @Test(arguments: [
        ("C1", FeatureHash.Kind.value, "68fd1e64", 0xBA7E_980F_5DB4_8DB2 as UInt64),
        ("C1", .value, "", 0xDB50_01C2_98B5_95C8),
        ("I2", .bucket, "17", 0xEF73_F076_8522_1654),
        ("C1", .rare, "", 0xF33E_4D78_2998_2E4D),
        ("I2", .scaled, "", 0x0CD7_8386_54B4_E2F3),
        ("größe", .value, "ü", 0xB15D_2F4C_F57D_FBC0),
    ])
    func vectors(field: String, kind: FeatureHash.Kind, value: String, id: UInt64) {
        #expect(FeatureHash(field: field).id(kind, value.utf8) == id)
    }

    @Test func bucketsAreNumbers() {
        #expect(FeatureHash(field: "I2").id(bucket: 17) == 0xEF73_F076_8522_1654)
        #expect(
            FeatureHash(field: "I2").id(bucket: -1) != FeatureHash(field: "I2").id(bucket: 1))
    }
}
