//! The file of a unix socket: who may reach it, and what is left of it after a crash.

use std::{
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::{self, ErrorKind},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::SocketAddr,
    },
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

use mio::net::{UnixListener, UnixStream};

/// The longest path of a socket in bytes: the system's field less the NUL at its end.
const PATH_MAX: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

/// How long another process may take to bind in the same directory: tries, and the pause between them.
const LOCK_TRIES: u32 = 1000;
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Takes the socket's file away when dropped, if it is still the same file and this process made it: a child process
/// that drops what it got by fork must not take its parent's socket away.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
    process: u32,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Best effort: a file that stays is found to be stale at the next bind.
        let is_ours = |file: fs::Metadata| identity(&file) == self.identity && process::id() == self.process;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`: makes its directory if need be (mode 0700), replaces a socket that a dead process left, and lets
/// only this user connect (mode 0600).
pub(crate) fn bind(path: &Path) -> io::Result<(SocketFile, UnixListener)> {
    check_path(path)?;
    if let Some(directory) = directory_of(path) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let _lock = lock_directory(directory_of(path).unwrap_or(Path::new(".")))?;
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    let file = SocketFile { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?), process: process::id() };
    Ok((file, listener))
}

/// Refuses paths that no socket can have, with the reason for people.
pub(crate) fn check_path(path: &Path) -> io::Result<()> {
    if SocketAddr::from_pathname(path).is_ok() {
        return Ok(());
    }
    let length = path.as_os_str().len();
    let reason = format!("the path has {length} bytes, and a unix socket's at most {PATH_MAX}; choose a shorter one");
    Err(io::Error::new(ErrorKind::InvalidInput, reason))
}

/// Takes away the socket in the way, if nobody listens behind it.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => Err(io::Error::new(ErrorKind::AddrInUse, "a file that is no socket is in the way")),
        Ok(_) if is_listened_on(path)? => Err(ErrorKind::AddrInUse.into()),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Asks by connecting. A listener takes its file away before it closes, so a refusal means that nobody will come back.
fn is_listened_on(path: &Path) -> io::Result<bool> {
    match UnixStream::connect(path) {
        Ok(_) => Ok(true),
        // Its queue is full: somebody is there, and busy.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Keeps others from binding in the same directory until the file is dropped. A socket refuses connections between its
/// bind and its listen: without this, two processes that start at once could take each other's new socket for a stale
/// one.
fn lock_directory(directory: &Path) -> io::Result<File> {
    let file = File::open(directory)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            // A file system without locks is no reason not to listen.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
    Err(io::Error::new(ErrorKind::TimedOut, "another process holds a lock on its directory"))
}

/// The directory of a socket, unless it is the current one.
fn directory_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|directory| !directory.as_os_str().is_empty())
}

fn identity(file: &fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
