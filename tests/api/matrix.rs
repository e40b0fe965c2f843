//! Who may call what, for the tests and for `cargo drill matrix`.

/// Which callers each RPC lets in, beside an admin of all applications (who may do everything): admin, publisher, subscriber,
/// reader of one application, and a page with a subscriber token. Written apart from the server's own table.
pub(crate) const MATRIX: &[(&str, &str)] = &[
    ("Subscribe", "admin subscriber page"),
    ("Unsubscribe", "admin subscriber page"),
    ("GetSubscription", "admin subscriber reader"),
    ("UpdateSubscription", "admin subscriber"),
    ("ListSubscriptions", "admin reader"),
    ("WatchSubscriptions", "admin reader"),
    ("ImportSubscriptions", "admin subscriber"),
    ("Send", "admin publisher"),
    ("Broadcast", "admin publisher"),
    ("SendStream", "admin publisher"),
    ("WatchDeliveries", "admin publisher reader"),
    ("GetMessage", "admin publisher reader"),
    ("ListMessages", "admin publisher reader"),
    ("ListDeliveries", "admin publisher reader"),
    ("CancelMessage", "admin publisher"),
    ("GetVapidPublicKey", "admin publisher subscriber reader page"),
    ("CreateSubscriberToken", "admin subscriber"),
    ("CreateApiToken", "admin"),
    ("ListApiTokens", "admin reader"),
    ("RevokeApiToken", "admin"),
    ("ListOrigins", ""),
    ("WatchOrigins", ""),
    ("ResumeOrigin", "admin"),
];
