//! The program: arguments to commands.

fn main() {}
