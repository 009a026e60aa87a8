//! The default address: a socket that only this user can reach.

use crate::{address::Address, error::TransportError};

/// The address of the private local socket called `name`, for listening and dialling between programs of one user:
/// `$XDG_RUNTIME_DIR/spook/NAME.sock`, or `spook-UID/NAME.sock` in the directory for temporary files where there is no
/// such directory of this user's. Makes the directory, with mode 0700. Where there are no unix sockets: `tcp:127.0.0.1:0`.
///
/// # Errors
/// `ADDRESS`: the name is no file name, the path would be too long, or the directory belongs to somebody else or may be
/// written to by others. `IO`: the directory cannot be made.
#[cfg(not(unix))]
pub fn private_address(_name: &str) -> Result<Address, TransportError> {
    Ok(Address::Tcp { host: "127.0.0.1".to_owned(), port: 0 })
}

#[cfg(unix)]
pub use unix::private_address;

#[cfg(unix)]
mod unix {
    use std::{
        env,
        fs::{self, DirBuilder, File},
        io::{self, ErrorKind},
        os::{
            fd::OwnedFd,
            unix::fs::{DirBuilderExt, MetadataExt},
        },
        path::{Path, PathBuf},
    };

    use super::{Address, TransportError};
    use crate::unix_socket::check_path;

    /// Write permission of the group and of others.
    const WRITABLE_BY_OTHERS: u32 = 0o022;

    /// The address of the private local socket called `name`, for listening and dialling between programs of one user:
    /// `$XDG_RUNTIME_DIR/spook/NAME.sock`, or `spook-UID/NAME.sock` in the directory for temporary files where there
    /// is no such directory of this user's. Makes the directory, with mode 0700. Where there are no unix sockets:
    /// `tcp:127.0.0.1:0`.
    ///
    /// # Errors
    /// `ADDRESS`: the name is no file name, the path would be too long, or the directory belongs to somebody else or
    /// may be written to by others. `IO`: the directory cannot be made.
    pub fn private_address(name: &str) -> Result<Address, TransportError> {
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        address_in(runtime.as_deref(), &env::temp_dir(), name)
    }

    fn address_in(runtime: Option<&Path>, temporary: &Path, name: &str) -> Result<Address, TransportError> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(TransportError::address(name, "not a name for a socket; use letters, digits and '-'"));
        }
        let user = user_id().map_err(|error| TransportError::io("ask for the user", name, error))?;
        let directory = match runtime.filter(|directory| is_own_directory(directory, user)) {
            Some(runtime) => runtime.join("spook"),
            None => temporary.join(format!("spook-{user}")),
        };
        let address = Address::Unix(directory.join(format!("{name}.sock")));
        if let Address::Unix(path) = &address {
            check_path(path).map_err(|error| TransportError::address(&address, error.to_string()))?;
        }
        make_private(&directory, user)?;
        Ok(address)
    }

    /// The user of this process, as the system writes it on a pipe made just now.
    fn user_id() -> io::Result<u32> {
        let (reader, _writer) = io::pipe()?;
        Ok(File::from(OwnedFd::from(reader)).metadata()?.uid())
    }

    fn is_own_directory(path: &Path, user: u32) -> bool {
        path.is_absolute() && fs::metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user)
    }

    /// Makes the directory, or checks the one that is there: in a place that everybody may write to, somebody else may
    /// have come first.
    fn make_private(directory: &Path, user: u32) -> Result<(), TransportError> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(TransportError::io("make the directory", directory.display(), error));
            }
            _ => {}
        }
        let found =
            fs::symlink_metadata(directory).map_err(|error| TransportError::io("look at the directory", directory.display(), error))?;
        let refuse = |reason: &str| Err(TransportError::address(directory.display(), reason));
        if !found.is_dir() {
            return refuse("a file or link is in the place of the directory for private sockets; remove it");
        }
        if found.uid() != user {
            return refuse("the directory for private sockets belongs to another user; have it removed");
        }
        if found.mode() & WRITABLE_BY_OTHERS != 0 {
            return refuse("others may write to the directory for private sockets; set its mode to 0700");
        }
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use std::{
            fs::Permissions,
            os::unix::fs::{PermissionsExt, symlink},
        };

        use super::*;

        fn path_of(address: Address) -> PathBuf {
            match address {
                Address::Unix(path) => path,
                other => panic!("{other} is no path"),
            }
        }

        fn mode(path: &Path) -> u32 {
            fs::metadata(path).unwrap().mode() & 0o777
        }

        #[test]
        fn the_user_is_who_owns_new_files() {
            let place = tempfile::tempdir().unwrap();
            assert_eq!(user_id().unwrap(), fs::metadata(place.path()).unwrap().uid());
        }

        #[test]
        fn the_runtime_directory_comes_first() {
            let runtime = tempfile::tempdir().unwrap();
            let temporary = tempfile::tempdir().unwrap();
            let path = path_of(address_in(Some(runtime.path()), temporary.path(), "home").unwrap());
            assert_eq!(path, runtime.path().join("spook/home.sock"));
            assert_eq!(mode(path.parent().unwrap()), 0o700);
            // A second program finds the directory made.
            address_in(Some(runtime.path()), temporary.path(), "other").unwrap();
        }

        #[test]
        fn a_missing_or_relative_runtime_directory_is_passed_over() {
            let temporary = tempfile::tempdir().unwrap();
            for runtime in [None, Some(Path::new("/does/not/exist")), Some(Path::new("."))] {
                let path = path_of(address_in(runtime, temporary.path(), "home").unwrap());
                let directory = temporary.path().join(format!("spook-{}", user_id().unwrap()));
                assert_eq!(path, directory.join("home.sock"));
                assert_eq!(mode(&directory), 0o700);
            }
        }

        #[test]
        fn a_directory_that_others_can_write_to_is_refused() {
            let runtime = tempfile::tempdir().unwrap();
            let directory = runtime.path().join("spook");
            fs::create_dir(&directory).unwrap();
            for refused in [0o777, 0o770, 0o702] {
                fs::set_permissions(&directory, Permissions::from_mode(refused)).unwrap();
                let error = address_in(Some(runtime.path()), runtime.path(), "home").unwrap_err();
                assert_eq!(error.code_name(), "ADDRESS");
                assert!(error.to_string().contains("0700"), "{error}");
            }
        }

        #[test]
        fn a_link_in_place_of_the_directory_is_refused() {
            let runtime = tempfile::tempdir().unwrap();
            let elsewhere = tempfile::tempdir().unwrap();
            symlink(elsewhere.path(), runtime.path().join("spook")).unwrap();
            let error = address_in(Some(runtime.path()), runtime.path(), "home").unwrap_err();
            assert!(error.to_string().contains("link"), "{error}");
        }

        #[test]
        fn names_that_leave_the_directory_and_long_paths_are_refused() {
            let runtime = tempfile::tempdir().unwrap();
            let long = "x".repeat(120);
            for name in ["", ".", "..", "../x", "a/b", "a\0b", ".hidden", &long] {
                let error = address_in(Some(runtime.path()), runtime.path(), name).unwrap_err();
                assert_eq!(error.code_name(), "ADDRESS", "{name:?}");
            }
        }
    }
}
