//! The program: arguments to commands.

use std::process::ExitCode;

/// Set up in `.cargo/config.toml`: few arenas, and what is free goes back to the system within seconds.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Tasks that a worker thread runs of its own before it looks for those that were woken from elsewhere, the store's
/// writer above all: a Send that has just become durable does not wait for 61 encryptions of a broadcast, the default.
const OWN_TASKS_IN_A_ROW: u32 = 8;

fn main() -> Result<ExitCode, std::io::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .global_queue_interval(OWN_TASKS_IN_A_ROW)
        .build();
    Ok(runtime?.block_on(fanfare::cli::run(std::env::args_os())))
}
