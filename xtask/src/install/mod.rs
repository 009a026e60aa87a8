//! `cargo xtask install`: the C library as a person of C expects it, with pkg-config and CMake files.

mod libraries;
mod template;

use crate::arguments::{Arguments, Done};
use crate::{folders, process};
use libraries::Libraries;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use template::filled;

/// The help of the command.
pub const HELP: &str = "\
Builds the C library and copies it, its header and its pkg-config and CMake files below a folder. The folder may be moved afterwards.

  include/spook.h
  lib/libspook.so -> libspook.so.0 -> libspook.so.0.1.0    (libspook.dylib on macOS)
  lib/libspook.a
  lib/pkgconfig/spook.pc          shared;  gcc main.c $(pkg-config --cflags --libs spook)
  lib/pkgconfig/spook-static.pc   static;  gcc main.c $(pkg-config --cflags --libs spook-static)
  lib/cmake/spook/                find_package(spook), targets spook::spook and spook::static

Options:
  --prefix DIR   the folder (needed)
  --release      optimised and stripped
";

/// Runs the command.
pub fn command(root: &Path, mut arguments: Arguments) -> Done {
    let prefix = arguments.value("--prefix")?;
    let release = arguments.flag("--release");
    arguments.finish(&["--prefix", "--release"])?;
    let prefix = prefix.ok_or("--prefix DIR is needed: the folder to install below")?;
    let prefix = std::path::absolute(prefix).map_err(|error| error.to_string())?;
    for file in install(root, &prefix, release)? {
        println!("{}", file.display());
    }
    Ok(true)
}

/// Builds and installs; gives the files that are there now.
///
/// # Errors
/// A message, if it does not build, a file cannot be written, or the shared library bears another name than it is installed under.
pub fn install(root: &Path, prefix: &Path, release: bool) -> Result<Vec<PathBuf>, String> {
    let libraries = Libraries::here(env!("CARGO_PKG_VERSION"));
    build(root, release)?;
    let target = folders::target(root);
    let (shared, archive) = if release { ("release", STATIC_PROFILE) } else { ("debug", "debug") };
    let built = [target.join(shared).join(libraries.built_shared), target.join(archive).join(libraries.archive)];
    let files = place(root, &built, prefix, &libraries)?;
    let shared = prefix.join("lib").join(&libraries.shared);
    if let Some(name) = soname(&shared).filter(|name| *name != libraries.soname) {
        return Err(format!(
            "{} says that its name is `{name}`, but programs will look for `{}`; ffi/artifact/build.rs sets the name",
            shared.display(),
            libraries.soname
        ));
    }
    if release {
        slim(&prefix.join("lib").join(libraries.archive));
    }
    Ok(files)
}

/// The profile of the static library that is released, which goes without LTO; the root manifest says why.
const STATIC_PROFILE: &str = "release-static";

fn build(root: &Path, release: bool) -> Result<(), String> {
    if !release {
        return cargo(root, &["build", "-p", "spook-artifact"]);
    }
    cargo(root, &["rustc", "-p", "spook-artifact", "--release", "--crate-type", "cdylib"])?;
    cargo(root, &["rustc", "-p", "spook-artifact", "--profile", STATIC_PROFILE, "--crate-type", "staticlib"])
}

fn cargo(root: &Path, words: &[&str]) -> Result<(), String> {
    let status = process::cargo().args(words).current_dir(root).status().map_err(|error| format!("cargo does not run: {error}"))?;
    if status.success() { Ok(()) } else { Err("the library does not build".to_owned()) }
}

/// Copies and writes everything below the prefix; what was built is the shared and the static library.
fn place(root: &Path, built: &[PathBuf; 2], prefix: &Path, libraries: &Libraries) -> Result<Vec<PathBuf>, String> {
    let (include, lib) = (prefix.join("include"), prefix.join("lib"));
    let (pkgconfig, cmake) = (lib.join("pkgconfig"), lib.join("cmake/spook"));
    for folder in [&include, &pkgconfig, &cmake] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut files = vec![
        copy(&root.join("include/spook.h"), include.join("spook.h"))?,
        copy(&built[0], lib.join(&libraries.shared))?,
        copy(&built[1], lib.join(libraries.archive))?,
    ];
    let wrapper = root.join("include/spook.hpp");
    if wrapper.exists() {
        files.push(copy(&wrapper, include.join("spook.hpp"))?);
    }
    for (name, to) in &libraries.links {
        files.push(link(to, lib.join(name))?);
    }
    let written = [
        ("spook.pc.in", pkgconfig.join("spook.pc"), libraries.shared_values()),
        ("spook.pc.in", pkgconfig.join("spook-static.pc"), libraries.static_values()),
        ("spookConfig.cmake.in", cmake.join("spookConfig.cmake"), libraries.shared_values()),
        ("spookConfigVersion.cmake.in", cmake.join("spookConfigVersion.cmake"), libraries.shared_values()),
    ];
    for (name, to, values) in written {
        let from = root.join("include").join(name);
        let text = fs::read_to_string(&from).map_err(|error| format!("{}: {error}", from.display()))?;
        let text = filled(&text, &values).map_err(|problem| format!("{}: {problem}", from.display()))?;
        fs::write(&to, text).map_err(|error| format!("{}: {error}", to.display()))?;
        files.push(to);
    }
    Ok(files)
}

fn copy(from: &Path, to: PathBuf) -> Result<PathBuf, String> {
    // A program may have the old library mapped: the new one is put in its place under the same name, not written over it.
    let _ = fs::remove_file(&to);
    fs::copy(from, &to).map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))?;
    Ok(to)
}

#[cfg(unix)]
fn link(to: &str, name: PathBuf) -> Result<PathBuf, String> {
    let _ = fs::remove_file(&name);
    std::os::unix::fs::symlink(to, &name).map_err(|error| format!("{}: {error}", name.display()))?;
    Ok(name)
}

#[cfg(not(unix))]
fn link(to: &str, name: PathBuf) -> Result<PathBuf, String> {
    let target = name.with_file_name(to);
    copy(&target, name)
}

/// The name that a shared library bears inside, where binutils can tell.
fn soname(library: &Path) -> Option<String> {
    let output = Command::new("readelf").arg("-d").arg(library).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.contains("Dynamic section") {
        return None;
    }
    let line = text.lines().find(|line| line.contains("(SONAME)"));
    let name = line.and_then(|line| line.split_once('[')?.1.strip_suffix(']'));
    Some(name.unwrap_or_default().to_owned())
}

/// Takes the debug information out of the archive. Without binutils it stays in, and the file is larger.
fn slim(archive: &Path) {
    let _ = Command::new("strip").arg("--strip-debug").arg(archive).status();
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn made_up(base: &Path) -> [PathBuf; 2] {
        ["libspook.so", "libspook.a"].map(|name| base.join("built").join(name))
    }

    /// Installs made-up libraries with the real templates.
    fn installed(name: &str) -> PathBuf {
        let base = std::env::temp_dir().join(format!("xtask-install-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        let (root, built) = (base.join("root"), base.join("built"));
        fs::create_dir_all(root.join("include")).unwrap();
        fs::create_dir_all(&built).unwrap();
        for template in ["spook.pc.in", "spookConfig.cmake.in", "spookConfigVersion.cmake.in"] {
            fs::copy(folders::root().join("include").join(template), root.join("include").join(template)).unwrap();
        }
        fs::write(root.join("include/spook.h"), "").unwrap();
        fs::write(built.join("libspook.so"), "").unwrap();
        fs::write(built.join("libspook.a"), "").unwrap();
        place(&root, &made_up(&base), &base.join("prefix"), &Libraries::here("0.1.2")).unwrap();
        base
    }

    #[test]
    fn the_tree_is_complete_and_may_be_moved() {
        let base = installed("tree");
        let moved = base.join("moved");
        fs::rename(base.join("prefix"), &moved).unwrap();
        assert!(fs::canonicalize(moved.join("lib/libspook.so")).unwrap().ends_with("libspook.so.0.1.2"));
        assert_eq!(fs::read_link(moved.join("lib/libspook.so")).unwrap(), Path::new("libspook.so.0"));
        for file in ["include/spook.h", "lib/libspook.a", "lib/libspook.so.0"] {
            assert!(moved.join(file).exists(), "{file}");
        }
        for file in ["pkgconfig/spook.pc", "pkgconfig/spook-static.pc", "cmake/spook/spookConfig.cmake"] {
            let text = fs::read_to_string(moved.join("lib").join(file)).unwrap();
            assert!(!text.contains(base.to_str().unwrap()) && !text.contains('@'), "{file}: {text}");
        }
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn the_static_library_goes_without_lto() {
        let text = fs::read_to_string(folders::root().join("Cargo.toml")).unwrap();
        let profile = text.split_once(&format!("[profile.{STATIC_PROFILE}]\n")).unwrap().1;
        assert!(profile.lines().take_while(|line| !line.starts_with('[')).any(|line| line == "lto = false"), "{profile}");
    }

    #[test]
    fn installing_again_replaces() {
        let base = installed("again");
        let prefix = base.join("prefix");
        place(&base.join("root"), &made_up(&base), &prefix, &Libraries::here("0.1.2")).unwrap();
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn pkg_config_understands_both_files() {
        if process::find("pkg-config").is_none() {
            println!("pkg-config is missing");
            return;
        }
        let base = installed("pc");
        let ask = |package: &str| {
            let output = Command::new("pkg-config")
                .args(["--cflags", "--libs", package])
                .env("PKG_CONFIG_PATH", base.join("prefix/lib/pkgconfig"))
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(ask("spook").contains("-lspook"), "{}", ask("spook"));
        assert!(ask("spook-static").contains("libspook.a") && ask("spook-static").contains("-lpthread"));
        fs::remove_dir_all(base).unwrap();
    }
}
