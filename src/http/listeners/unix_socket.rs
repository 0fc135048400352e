//! The unix socket: who may write to its file may connect. One that a killed daemon left behind is taken away, one at which somebody
//! listens is not.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use super::UnixSocketSettings;

/// The file of a socket at which this process listens; it goes when this goes.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    made: Made,
}

/// Which file it is: a number of the file system may be given again, a moment is not.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    inode: u64,
    changed_at: (i64, i64),
}

impl Made {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { inode: found.ino(), changed_at: (found.ctime(), found.ctime_nsec()) })
    }
}

impl SocketFile {
    /// Where it stands.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another daemon may have put its own there since.
        if Made::of(&self.path).is_ok_and(|found| found == self.made) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at a socket's place.
///
/// # Errors
/// When somebody listens there, something else than a socket is there, or the folder is not to be written to.
pub(super) fn bind(settings: &UnixSocketSettings) -> io::Result<(UnixListener, SocketFile)> {
    let path = settings.path.as_path();
    clear(path)?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(settings.mode))?;
    Ok((listener, SocketFile { path: path.to_owned(), made: Made::of(path)? }))
}

/// Takes a socket away at which nobody listens any more.
fn clear(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something that is no socket"));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "somebody listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(path: &Path) -> UnixSocketSettings {
        UnixSocketSettings { path: path.to_owned(), mode: 0o660 }
    }

    #[test]
    fn what_a_killed_daemon_left_is_taken_away_and_what_is_somebodys_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("payoutd.sock");
        // Dropped without its file's guard, as SIGKILL leaves it.
        drop(UnixListener::bind(&path).unwrap());
        let (listener, file) = bind(&settings(&path)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
        assert_eq!(bind(&settings(&path)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop((listener, file));
        assert!(!path.exists());
        fs::write(&path, "a letter").unwrap();
        assert_eq!(bind(&settings(&path)).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "a letter");
    }

    #[test]
    fn who_closes_late_leaves_the_next_ones_socket_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("payoutd.sock");
        let (first, late) = bind(&settings(&path)).unwrap();
        drop(first);
        let (_second, _file) = bind(&settings(&path)).unwrap();
        drop(late);
        assert!(path.exists());
    }
}
