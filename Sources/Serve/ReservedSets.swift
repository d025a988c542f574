// Names of known sets that Vigil keeps for itself.

/// Names that no known set of a user may have.
public enum ReservedSets {
    /// The set of the service's own test: its alerts are no alerts.
    public static let canary = Canary.setName
}
