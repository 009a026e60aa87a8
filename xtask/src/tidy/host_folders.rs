//! What a person of another language installs holds no Rust: glue lives in `bindings/`.

use super::Finding;
use crate::tree::Tree;

const HOSTS: [&str; 9] = ["python", "node", "java", "swift", "dotnet", "go", "web", "include", "docs"];

/// Finds `.rs` files in the folders of other languages.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let misplaced = tree.sources.iter().filter(|source| {
        let folder = source.path.split('/').next().unwrap_or_default();
        source.has_extension(&["rs"]) && HOSTS.contains(&folder)
    });
    misplaced.map(|source| Finding::new(&source.path, 1, "Rust in the folder of another language; move it to bindings/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_in_a_host_folder_is_found() {
        assert_eq!(check(&Tree::of(&[("python/src/lib.rs", "")])).len(), 1);
    }

    #[test]
    fn rust_elsewhere_is_free() {
        let tree = Tree::of(&[("bindings/python/src/lib.rs", ""), ("python/spook/__init__.py", ""), ("core/go.rs", "")]);
        assert_eq!(check(&tree), []);
    }
}
