// A user of the client names schemas, addresses and error codes: they come with it.
@_exported public import EmbeddingWire
