//! The names of the libraries on this system, and what they need from it.

/// What a Rust static library needs on Linux: what `rustc --print native-static-libs` says.
const LINUX: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";
const MACOS: &str = "-lSystem -lc -lm";

/// The files of one version.
pub struct Libraries {
    /// The version of the package.
    pub version: String,
    /// What cargo calls the shared library.
    pub built_shared: &'static str,
    /// The file that holds the shared library once installed.
    pub shared: String,
    /// The name that the shared library bears inside, and that programs look for.
    pub soname: String,
    /// Links beside it: name and what it points to. A link comes after what it points to.
    pub links: Vec<(String, String)>,
    /// The static library.
    pub archive: &'static str,
    system: &'static str,
}

impl Libraries {
    /// The names on the system that runs this.
    pub fn here(version: &str) -> Self {
        if cfg!(target_os = "macos") { Self::macos(version) } else { Self::linux(version) }
    }

    fn linux(version: &str) -> Self {
        let soname = format!("libspook.so.{}", major(version));
        let shared = format!("libspook.so.{version}");
        Self {
            version: version.to_owned(),
            built_shared: "libspook.so",
            links: vec![(soname.clone(), shared.clone()), ("libspook.so".to_owned(), soname.clone())],
            shared,
            soname,
            archive: "libspook.a",
            system: LINUX,
        }
    }

    fn macos(version: &str) -> Self {
        let soname = format!("libspook.{}.dylib", major(version));
        let shared = format!("libspook.{version}.dylib");
        Self {
            version: version.to_owned(),
            built_shared: "libspook.dylib",
            links: vec![(soname.clone(), shared.clone()), ("libspook.dylib".to_owned(), soname.clone())],
            shared,
            soname,
            archive: "libspook.a",
            system: MACOS,
        }
    }

    /// What stands for each name between two `@` in the templates, for the shared library.
    pub fn shared_values(&self) -> Vec<(&'static str, String)> {
        self.values("spook", "-L${libdir} -lspook".to_owned(), self.system)
    }

    /// The same for the static library. The archive is named by its path, since with `-lspook` a linker takes the shared one beside it.
    pub fn static_values(&self) -> Vec<(&'static str, String)> {
        let libs = format!("${{libdir}}/{} {}", self.archive, self.system);
        self.values("spook-static", libs, "")
    }

    fn values(&self, name: &str, libs: String, private: &str) -> Vec<(&'static str, String)> {
        let link_libraries: Vec<&str> = self.system.split(' ').map(|word| word.trim_start_matches("-l")).collect();
        vec![
            ("NAME", name.to_owned()),
            ("VERSION", self.version.clone()),
            ("MAJOR", major(&self.version).to_owned()),
            ("LIBS", libs),
            ("LIBS_PRIVATE", private.to_owned()),
            ("SHARED_FILE", self.shared.clone()),
            ("SONAME", self.soname.clone()),
            ("STATIC_FILE", self.archive.to_owned()),
            ("LINK_LIBRARIES", link_libraries.join(";")),
        ]
    }
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_customs_of_each_system() {
        let linux = Libraries::linux("0.1.2");
        assert_eq!((linux.shared.as_str(), linux.soname.as_str()), ("libspook.so.0.1.2", "libspook.so.0"));
        let macos = Libraries::macos("1.2.3");
        assert_eq!((macos.shared.as_str(), macos.soname.as_str()), ("libspook.1.2.3.dylib", "libspook.1.dylib"));
    }
}
