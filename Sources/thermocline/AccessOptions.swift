internal import ArgumentParser
internal import EmbeddingAccess
internal import EmbeddingServer

/// Who may connect to the server that `serve` starts.
struct AccessOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Permissions of the files of Unix sockets.", valueName: "octal"))
    var socketMode = FileMode(bits: ServerAccess().socketMode)

    @Option(
        help: ArgumentHelp(
            "A file with the token that clients must present, of mode 0600.", valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "A file with a token whose clients only read, of mode 0600.", valueName: "file"))
    var readTokenFile: String?

    @Option(help: ArgumentHelp("The certificate of tls: addresses.", valueName: "pem"))
    var tlsCertificate: String?

    @Option(
        help: ArgumentHelp("Its key, unless it is in the certificate's file.", valueName: "pem"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Root certificates that the clients of tls: addresses must have one from.",
            valueName: "pem"))
    var tlsClientCa: String?

    @Flag(help: "Listen on the network although nothing protects the address.")
    var insecure = false

    func validate() throws {
        guard tlsCertificate != nil || (tlsKey == nil && tlsClientCa == nil) else {
            throw ValidationError("--tls-key and --tls-client-ca come with --tls-certificate")
        }
    }

    /// The same for the server, with the files read. Throws `UnusableFile`.
    func access() throws -> ServerAccess {
        var access = ServerAccess()
        access.socketMode = socketMode.bits
        access.token = try tokenFile.map { path throws(UnusableFile) in
            try AccessToken(file: path)
        }
        access.readToken = try readTokenFile.map { path throws(UnusableFile) in
            try AccessToken(file: path)
        }
        if let tlsCertificate {
            access.tls = try ServerTLS(
                certificate: tlsCertificate, key: tlsKey, clientCA: tlsClientCa)
        }
        access.allowsUnprotected = insecure
        return access
    }
}
