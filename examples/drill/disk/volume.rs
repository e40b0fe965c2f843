//! Small real file systems, mounted for a while where a server keeps its data.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

/// What is written at once to fill a file system.
const PIECE: usize = 64 << 10;
/// Octets of the filler: its name.
const FILLER: &str = "somebody-elses-file";

/// Which file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In memory.
    Tmpfs,
    /// On a loop device.
    Ext4,
    /// The same without the kernel's driver.
    Fuse2fs,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tmpfs => "tmpfs",
            Self::Ext4 => "ext4",
            Self::Fuse2fs => "fuse2fs",
        }
    }
}

/// A mounted file system. Dropped, it is unmounted, whatever happened.
#[derive(Debug)]
pub(super) struct Volume {
    at: PathBuf,
    octets: u64,
    image: Option<PathBuf>,
}

impl Volume {
    /// Makes and mounts one of so many MiB. `beside`: where its image goes, if it has one.
    pub(super) fn mount(kind: Kind, mebibytes: u64, at: &Path, beside: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(at)?;
        let size = format!("{mebibytes}m");
        let image = match kind {
            Kind::Tmpfs => None,
            Kind::Ext4 | Kind::Fuse2fs => {
                let image = beside.join("volume.img");
                fs::File::create(&image)?.set_len(mebibytes << 20)?;
                // Nothing is kept for root: the server may be root, and full is to be full.
                let made = run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image));
                if made.is_err() {
                    let _ = fs::remove_file(&image);
                }
                made?;
                Some(image)
            }
        };
        let mut mount = Command::new("mount");
        match (kind, &image) {
            (Kind::Ext4, Some(image)) => mount.args(["-o", "loop"]).arg(image),
            (Kind::Fuse2fs, Some(image)) => {
                mount = Command::new("fuse2fs");
                mount.args(["-o", "rw,fakeroot"]).arg(image)
            }
            (Kind::Tmpfs | Kind::Ext4 | Kind::Fuse2fs, _) => {
                mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"])
            }
        };
        let mounted = run(mount.arg(at));
        if let (Err(error), Some(image)) = (&mounted, &image) {
            let _ = fs::remove_file(image);
            bail!("{error:#}");
        }
        mounted?;
        let mut volume = Self { at: at.to_owned(), octets: 0, image };
        (_, volume.octets) = volume.measure()?;
        Ok(volume)
    }

    /// Its size, without what the file system takes itself.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.at
    }

    /// Somebody else's file, beside the store, takes all but so many octets.
    pub(super) fn fill(&self, but: u64) -> anyhow::Result<()> {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.at.join(FILLER))?;
        let zeroes = vec![0; PIECE];
        loop {
            let free = self.free()?;
            let Some(more) = free.checked_sub(but).filter(|more| *more > 0) else { break };
            let piece = usize::try_from(more).unwrap_or(PIECE).min(PIECE);
            match file.write(&zeroes[..piece]) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Makes room: somebody else's file shrinks by so many octets, or goes.
    pub(super) fn free_some(&self, octets: u64) -> anyhow::Result<()> {
        let file = fs::OpenOptions::new().write(true).open(self.at.join(FILLER))?;
        let length = file.metadata()?.len();
        file.set_len(length.saturating_sub(octets))?;
        file.sync_all().or_else(|error| {
            // What is given up need not be durable.
            (error.kind() == std::io::ErrorKind::StorageFull).then_some(()).ok_or(error)
        })?;
        Ok(())
    }

    /// The length of somebody else's file.
    pub(super) fn filled(&self) -> u64 {
        fs::metadata(self.at.join(FILLER)).map_or(0, |about| about.len())
    }

    fn free(&self) -> anyhow::Result<u64> {
        Ok(self.measure()?.0)
    }

    /// Octets that are free, and all of them.
    fn measure(&self) -> anyhow::Result<(u64, u64)> {
        let told =
            Command::new("stat").args(["--file-system", "--format", "%a %b %S"]).arg(&self.at).output()?;
        let text = String::from_utf8(told.stdout)?;
        let numbers: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [free, all, size] = numbers[..] else { bail!("stat tells no size") };
        Ok((free * size, all * size))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if run(Command::new("umount").arg(&self.at)).is_err() {
            // Somebody is still in it: it goes with its last user.
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.at));
        }
        if let Some(image) = &self.image {
            let _ = fs::remove_file(image);
        }
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output =
        command.output().with_context(|| format!("{} does not run", command.get_program().display()))?;
    let name = command.get_program().display();
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
