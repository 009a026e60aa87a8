//! Opening the file itself: its mode, its lock, its place on the disk.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use redb::backends::FileBackend;

use crate::error::LedgerError;

/// Which file this is, as far as the system tells: it changes when the file is copied or restored, and stays when it is
/// renamed. A copy written over the file in place cannot be told this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    /// The device the file is on; 0 where the system has no such number.
    pub device: u64,
    /// The number of the file on its device; 0 where the system has no such number.
    pub inode: u64,
    /// When the file was made, in nanoseconds since 1970; 0 where it is not known. Numbers of files are used again: a
    /// file that is removed and restored often gets its old one.
    pub born: u64,
}

impl FileStamp {
    /// Bytes of an encoded stamp.
    pub(crate) const LEN: usize = 24;

    /// The stamp of the file at `path`.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn of(path: &Path) -> Result<FileStamp, LedgerError> {
        let metadata = std::fs::metadata(path).map_err(|error| failed("looking at", path, error))?;
        let (device, inode) = numbers(&metadata);
        let born = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(FileStamp { device, inode, born: born.map_or(0, |since| since.as_nanos() as u64) })
    }

    /// The stamp as the record `stamp` of the table Meta.
    pub(crate) fn encode(self) -> [u8; FileStamp::LEN] {
        let mut bytes = [0; FileStamp::LEN];
        bytes[..8].copy_from_slice(&self.device.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_be_bytes());
        bytes[16..].copy_from_slice(&self.born.to_be_bytes());
        bytes
    }
}

#[cfg(unix)]
fn numbers(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn numbers(_metadata: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Opens or creates the file; says whether it is new or empty.
pub(super) fn backend(path: &Path) -> Result<(FileBackend, bool), LedgerError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| failed("opening", path, error))?;
    let metadata = file.metadata().map_err(|error| failed("looking at", path, error))?;
    if !metadata.is_file() {
        return Err(LedgerError::corrupt(format!("{}: not a regular file", path.display())));
    }
    let backend = FileBackend::new(file).map_err(|error| failed("opening", path, io::Error::other(error)))?;
    Ok((backend, metadata.len() == 0))
}

/// What remains once the file has proved to be a ledger: takes it away from others, and makes its name durable.
pub(super) fn finish(path: &Path, created: bool) -> Result<(), LedgerError> {
    tighten(path)?;
    if created && cfg!(unix) {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed("syncing the folder of", path, error))?;
    }
    Ok(())
}

#[cfg(unix)]
fn tighten(path: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = std::fs::metadata(path).map_err(|error| failed("looking at", path, error))?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(permissions.mode() & !0o077);
        std::fs::set_permissions(path, permissions).map_err(|error| failed("restricting", path, error))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn tighten(_path: &Path) -> Result<(), LedgerError> {
    Ok(())
}

/// Adds the path to an error that does not know it.
pub(super) fn at(path: &Path, error: LedgerError) -> LedgerError {
    let path = path.display();
    match error {
        LedgerError::Locked { .. } => LedgerError::Locked { path: path.to_string() },
        LedgerError::Io { operation, source } => LedgerError::Io { operation: format!("{operation} {path}"), source },
        LedgerError::Corrupt { detail } => LedgerError::Corrupt { detail: format!("{path}: {detail}") },
        other => other,
    }
}

fn failed(what: &str, path: &Path, error: io::Error) -> LedgerError {
    LedgerError::io(format!("{what} {}", path.display()), error)
}
