//! The pure hot paths, each once: criterion times them beside their limits (`benches/*.rs`), and `benches/instructions`
//! counts what they execute.

pub mod engine;
pub mod store;
pub mod webpush;

/// Octets of the payload that is measured everywhere.
pub const PAYLOAD_OCTETS: usize = 1_000;
/// Deliveries of a page, events of a segment.
pub const PAGE: usize = fanfare::domain::limits::PAGE_DELIVERIES_MAX;

/// What a path does when it is run once.
pub type Run = Box<dyn FnMut()>;

/// Something that every delivery goes through.
pub struct Path {
    /// Names it in reports and in the baseline.
    pub name: &'static str,
    /// Deliveries that one run is for.
    pub deliveries: usize,
    /// Makes it ready, which may take longer than running it.
    pub make: fn() -> Run,
}

impl Path {
    const fn new(name: &'static str, deliveries: usize, make: fn() -> Run) -> Self {
        Self { name, deliveries, make }
    }
}
