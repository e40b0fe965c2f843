//! The program: arguments to commands.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    fanfare::cli::run(std::env::args_os()).await
}
