//! Setting files aside that would keep sled from opening: they are renamed, so that sled passes them over and people can
//! look at them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// What is put before the name of a file that is set aside.
const SET_ASIDE: &str = "set-aside.";
/// Files that are kept aside at most, in one directory: a further one takes the place of the oldest.
pub(super) const SET_ASIDE_MAX: usize = 8;

/// Renames a file of a directory, over nothing that was set aside before. Gives its new name.
pub(super) fn set_aside(directory: &Path, name: &OsStr) -> io::Result<String> {
    let mut earlier = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SET_ASIDE) {
            // A time that is not told counts as long ago.
            let time = entry.metadata()?.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            earlier.push((time, entry.file_name()));
        }
    }
    earlier.sort();
    while earlier.len() >= SET_ASIDE_MAX {
        fs::remove_file(directory.join(earlier.remove(0).1))?;
    }
    let mut aside = OsString::from(SET_ASIDE);
    aside.push(name);
    let is_taken = |aside: &OsString| earlier.iter().any(|(_, name)| name == aside);
    let mut numbered = aside.clone();
    let mut number = 1;
    while is_taken(&numbered) {
        number += 1;
        numbered.clone_from(&aside);
        numbered.push(format!(".{number}"));
    }
    fs::rename(directory.join(name), directory.join(&numbered))?;
    Ok(numbered.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut names = Vec::new();
        for number in 0..2 * SET_ASIDE_MAX {
            let path = directory.path().join("conf");
            fs::write(&path, number.to_string()).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            names.push(set_aside(directory.path(), OsStr::new("conf")).unwrap());
        }
        assert_eq!(names[..2], ["set-aside.conf", "set-aside.conf.2"]);
        let kept: BTreeSet<String> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        let latest = (SET_ASIDE_MAX..2 * SET_ASIDE_MAX).map(|number| number.to_string()).collect();
        assert_eq!(kept, latest);
    }
}
