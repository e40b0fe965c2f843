//! The program that is drilled: which build, and where it is.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

/// The variable that names a program to drill instead of the release build, which is built otherwise.
const PROGRAM: &str = "DRILL_PROGRAM";

/// Which build of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// What users run.
    Release,
    /// A debug build with the feature `failpoints`: built fast beside the release.
    Failpoints,
}

/// Builds the program, whatever this drill was built for; gives where it is.
pub(crate) fn build(which: Build) -> anyhow::Result<PathBuf> {
    if let (Build::Release, Some(program)) = (which, std::env::var_os(PROGRAM)) {
        return Ok(program.into());
    }
    let cargo = std::env::var_os("CARGO").context("run drills by cargo: cargo drill NAME")?;
    let mut build = std::process::Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--bin", "fanfare"]);
    let profile = match which {
        Build::Release => {
            build.arg("--release");
            "release"
        }
        Build::Failpoints => {
            build.args(["--features", "failpoints"]);
            "debug"
        }
    };
    ensure!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success(), "the program does not build");
    // This drill is target/debug/examples/drill.
    let here = std::env::current_exe()?;
    let target = here.ancestors().nth(3).context("this drill is in an unusual place")?;
    Ok(target.join(profile).join("fanfare"))
}
