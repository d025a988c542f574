extension PDQHash {
    /// Placeholder until the measure is merged.
    public var isLowStructure: Bool { false }
}
