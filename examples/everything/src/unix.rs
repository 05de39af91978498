//! A Unix socket, which is removed at the end.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

pub(crate) struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Replaces a socket that no process listens on any more, and nothing else.
    ///
    /// # Errors
    ///
    /// Why the path cannot be used.
    pub(crate) fn bind(path: &Path) -> Result<(Self, UnixListener), String> {
        let bound = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
                fs::remove_file(path).and_then(|()| UnixListener::bind(path))
            }
            bound => bound,
        };
        let listener = bound.map_err(|error| format!("--unix {}: {error}", path.display()))?;
        let path = path.to_owned();
        Ok((Self { path }, listener))
    }
}

/// Whether this is the socket of a process that has ended.
fn is_left_over(path: &Path) -> bool {
    let refused = UnixStream::connect(path).err();
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    is_socket && refused.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
