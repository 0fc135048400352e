//! Root at a service's store: whatever root makes beside a database belongs to the owner of the folder, much as SQLite does it
//! with its own files. Else a command that helped by night locks the service out in the morning.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, fchown},
    path::Path,
};

/// Gives a file that root has just made in a folder to the folder's owner; does nothing for anybody else.
///
/// # Errors
/// When the owner can not be asked for or changed.
pub(super) fn give_to_owner_of(folder: &Path, file: &File) -> io::Result<()> {
    if file.metadata()?.uid() != 0 {
        return Ok(());
    }
    // A bare file name has an empty folder: the current one.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let owner = fs::metadata(folder)?;
    if owner.uid() == 0 {
        return Ok(());
    }
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::chown;

    /// Only root can give files away, so only root can see it done; for everybody else nothing changes.
    #[test]
    fn what_root_makes_beside_a_services_database_is_the_services() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("payoutd.db.lock")).unwrap();
        let myself = file.metadata().unwrap().uid();
        let service = if myself == 0 { 4_321 } else { myself };
        chown(folder.path(), Some(service), None).unwrap();
        give_to_owner_of(folder.path(), &file).unwrap();
        assert_eq!(file.metadata().unwrap().uid(), service);
    }
}
